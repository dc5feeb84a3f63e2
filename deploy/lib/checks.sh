# shellcheck shell=bash
# The checks of deploy/test beside the tests themselves.

# The OpenAPI validator and buf are development tools from npm. Without npm the tests that need them
# are skipped and say so; under CI that is a failure.
install_npm_tools() {
  local folder=$checkout/tests/npm log=$checkout/build/logs/npm.log
  if [[ ! -f $folder/package-lock.json ]]; then return 0; fi
  if ! command -v npm >/dev/null; then
    if [[ -n ${CI:-} ]]; then install_packages npm; else
      note "npm is not here: the tests of the OpenAPI page and of reflection are skipped"
      return 0
    fi
  fi
  if [[ $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]]; then return 0; fi
  step "development tools from npm"
  mkdir -p "$checkout/build/logs"
  run_logged "$log" npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund || {
    [[ -z ${CI:-} ]] || fail "npm could not install them" "$log"
    warn "npm could not install them (log: $log): the tests that need them are skipped"
  }
}

sources() { git -C "$checkout" ls-files --cached --others --exclude-standard -- '*.cc' '*.h'; }

check_format() {
  step "clang-format"
  (cd "$checkout" && sources | xargs clang-format --dry-run --Werror) ||
    fail "the files above are not formatted; clang-format -i formats them"
}

# Libraries are checked through the scripts that source them.
check_scripts() {
  local log=$checkout/build/logs/shellcheck.log
  step "shellcheck"
  (
    cd "$checkout"
    mapfile -t scripts < <(git ls-files --cached --others --exclude-standard |
      grep -v '^deploy/lib/' | xargs grep -lIE -m1 '^#!.*\b(ba|da|)sh$')
    shellcheck -x -P . "${scripts[@]}" deploy/lib/stack.sh deploy/lib/supervise.sh
  ) >"$log" 2>&1 || fail "shellcheck found something" "$log"
}

# Reads the arguments of every file from build/bench, and compiles nothing but the protos. A file that
# has passed is looked at again when it, a header of ours or the list of checks has changed.
check_tidy() {
  local log=$checkout/build/logs/tidy.log passed=$checkout/build/tidy
  build_preset bench playlog_generate
  step "clang-tidy"
  mkdir -p "$passed"
  (
    cd "$checkout"
    export passed
    fingerprint=$(sources | grep '\.h$' | xargs cat -- .clang-tidy proto/playlog/*/v1/*.proto | sha256sum)
    export fingerprint
    # shellcheck disable=SC2016 # the inner shell's own variables
    sources | grep '\.cc$' | xargs -P "$(nproc)" -n 1 bash -c '
      stamp=$passed/${1//\//_}
      now="$fingerprint $(sha256sum <"$1")"
      if [[ -e $stamp && $(<"$stamp") == "$now" ]]; then exit 0; fi
      clang-tidy --quiet -p build/bench "$1" && printf "%s" "$now" >"$stamp"' tidy
  ) >"$log" 2>&1 || fail "clang-tidy found something" "$log"
}

check_sources() {
  install_packages build run test lint
  check_format
  check_scripts
  check_tidy
}

check_image() {
  local log=$checkout/build/logs/image.log
  install_packages image
  step "docker-compose.yml"
  mkdir -p "$checkout/build/logs"
  docker-compose -f "$checkout/docker-compose.yml" config -q ||
    fail "docker-compose.yml is not valid"
  python3 "$deploy/container/check_compose.py" "$checkout/docker-compose.yml" ||
    fail "docker-compose.yml breaks a rule of ours"
  step "deploy/Dockerfile, in a clean Debian"
  run_logged "$log" as_root python3 "$deploy/container/check_image.py" "$checkout" ||
    fail "a step of the Dockerfile does not work" "$log"
  tail -n 8 "$log" | sed 's/^/    /'
}
