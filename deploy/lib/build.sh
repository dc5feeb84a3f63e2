# shellcheck shell=bash
# Compiling, through CMake's presets.

# Two checkouts share what the compiler cache holds: paths inside the checkout are relative in it.
export CCACHE_BASEDIR=$checkout

# build_preset NAME [TARGET...]: configures build/<name> once and builds. With nothing to do this is
# the time that ninja needs to see so, well under a second.
build_preset() {
  local preset=$1 logs=$checkout/build/logs
  shift
  step "build: $preset"
  mkdir -p "$logs" || fail "cannot write into $checkout/build"
  exec 7>"$logs/$preset.lock"
  flock 7 || fail "cannot lock build/$preset"
  if [[ ! -f $checkout/build/$preset/build.ninja ]]; then
    run_logged "$logs/$preset-configure.log" cmake -S "$checkout" --preset "$preset" ||
      fail "cmake could not configure it" "$logs/$preset-configure.log"
  fi
  run_logged "$logs/$preset.log" build_in_folder "$preset" "$@" ||
    fail "it does not compile: $(first_error "$logs/$preset.log")" "$logs/$preset.log"
  exec 7>&-
}

build_in_folder() {
  local preset=$1 target arguments=()
  shift
  for target in "$@"; do arguments+=(--target "$target"); done
  cmake --build "$checkout/build/$preset" "${arguments[@]}" 7>&-
}

first_error() { grep -a -m1 -E 'error:|FAILED:|undefined reference|No space left' "$1" || tail -n1 "$1"; }

# stage_binaries PRESET: leaves the installable programs in build/<preset>/stage/bin.
stage_binaries() {
  local log=$checkout/build/logs/$1-install.log
  run_logged "$log" cmake --install "$checkout/build/$1" --prefix "$checkout/build/$1/stage" ||
    fail "cmake could not stage the binaries" "$log"
}

# copy_sources FOLDER: what git knows and what it would, with the times of change, so that only what is
# new is compiled there; a folder `build` is left as it is.
copy_sources() {
  local file
  mkdir -p "$1"
  find "$1" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf -- {} +
  (
    cd "$checkout"
    git ls-files --cached --others --exclude-standard -z |
      while IFS= read -r -d '' file; do
        if [[ -e $file ]]; then printf '%s\0' "$file"; fi
      done | tar --null --files-from=- --create --file=-
  ) | tar --extract --file=- --directory="$1"
}
