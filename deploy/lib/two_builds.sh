# shellcheck shell=bash
# Whoever builds the same sources with the same packages gets the same bytes: shown by two builds of one
# program in folders of different names and depths. The compiler's cache takes no part, for it would
# hand the second build the objects of the first.

readonly compared_program=playlog-song-store

# build_apart FOLDER: the program as it is installed, from a copy of the sources.
build_apart() {
  local -x CCACHE_DISABLE=1
  copy_sources "$1" &&
    cmake -S "$1" --preset release &&
    cmake --build "$1/build/release" --target "$compared_program"
}

program_of() { find "$1/build/release" -type f -name "$compared_program" -perm -u+x; }

check_two_builds() {
  local work=$checkout/build/two_builds log=$checkout/build/logs/two-builds.log folder program sums=()
  step "two builds of $compared_program, compared"
  mkdir -p "$checkout/build/logs"
  rm -rf "$work"
  for folder in "$work/one" "$work/another/that/lies/deeper"; do
    run_logged "$log" build_apart "$folder" || fail "it does not build in $folder" "$log"
    program=$(program_of "$folder")
    [[ -n $program ]] || fail "the build in $folder left no $compared_program"
    if grep -qF "$work" "$program"; then fail "$program holds the path that it was built in"; fi
    sums+=("$(sha256sum <"$program")")
  done
  [[ ${sums[0]} == "${sums[1]}" ]] || fail "the programs in $work differ"
  note "the same: ${sums[0]%% *}"
  rm -rf "$work"
}
