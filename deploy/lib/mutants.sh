# shellcheck shell=bash
# deploy/test --mutants: each patch in tests/mutants breaks one promise on purpose, and the test that
# it names must fail by it. tests/mutants/README.md has the form of the patches.

# mutant_field FILE NAME: the value of a line `NAME: value` of its header.
mutant_field() { sed -n "/^---/q; s/^$2: //p" "$1" | head -n 1; }

mutant_files() {
  local file
  for file in "$checkout"/tests/mutants/*.mutant; do
    if [[ ${file##*/} =~ ${1:-.} ]]; then echo "$file"; fi
  done
}

# The files that patches change, as paths in the checkout.
mutated_files() { sed -n 's|^+++ b/\([^[:space:]]*\).*|\1|p' "$@" | sort -u; }

# copy_checkout FOLDER: the sources. A run that was interrupted may have left objects of a mutant
# behind: whatever patches change is compiled again, which the compiler's cache makes cheap.
copy_checkout() {
  local copy=$1 file
  copy_sources "$copy"
  while IFS= read -r file; do
    if [[ -e $copy/$file ]]; then touch "$copy/$file"; fi
  done < <(mutated_files "$checkout"/tests/mutants/*.mutant)
  # The pages' test drives a browser with what npm has installed.
  if [[ -d $checkout/tests/npm/node_modules ]]; then
    ln -sfn "$checkout/tests/npm/node_modules" "$copy/tests/npm/node_modules"
  fi
  # The tests look for the specifications and samples beside the checkout.
  if [[ -d $checkout/../shared ]]; then
    ln -sfn "$(realpath "$checkout/../shared")" "$copy/../shared"
  fi
}

# build_copy TARGET...: the copy is the checkout here.
build_copy() {
  local checkout=$copy
  local -x CCACHE_BASEDIR=$copy
  (build_preset dev "$@") >"$logs/mutant-build.out" 2>&1
}

# run_mutant_test TARGET FILTER: its output goes to a log.
run_mutant_test() {
  local program
  program=$(find "$copy/build/dev" -type f -name "$1" -perm -u+x | head -n 1)
  [[ -n $program ]] || fail "the build left no program $1"
  (cd "$(dirname "$program")" && timeout 900 "$program" "--gtest_filter=$2") >"$logs/mutant-test.log" 2>&1
}

# What tells an assertion that failed from a crash, a time-out and a filter that fits no test.
failed_by_assertion() {
  grep -q '^\[  FAILED  \] [1-9][0-9]* test' "$logs/mutant-test.log" &&
    grep -q ': Failure$' "$logs/mutant-test.log"
}

ran_a_test() { grep -q '^\[  PASSED  \] [1-9][0-9]* test' "$logs/mutant-test.log"; }

# check_unchanged FILE...: without a mutant, the tests pass; one that fails anyway proves nothing.
check_unchanged() {
  local file target filter seen=" "
  for file in "$@"; do
    target=$(mutant_field "$file" Target)
    filter=$(mutant_field "$file" Filter)
    [[ -n $target && -n $filter && -n $(mutant_field "$file" Breaks) ]] ||
      fail "${file##*/} lacks Breaks, Target or Filter in its header"
    if [[ $seen == *" $target $filter "* ]]; then continue; fi
    seen+="$target $filter "
    build_copy "$target" || fail "$target does not compile" "$logs/mutant-build.out"
    run_mutant_test "$target" "$filter" || fail "$target $filter fails without a mutant" "$logs/mutant-test.log"
    ran_a_test || fail "$target has no test $filter" "$logs/mutant-test.log"
  done
}

# check_mutant FILE: succeeds if its test fails by it. The copy is as before afterwards.
check_mutant() {
  local file=$1 target filter code=0
  target=$(mutant_field "$file" Target)
  filter=$(mutant_field "$file" Filter)
  patch --directory="$copy" --strip=1 --fuzz=0 --forward --batch --reject-file=- <"$file" \
    >"$logs/mutant-patch.log" 2>&1 || fail "${file##*/} does not apply" "$logs/mutant-patch.log"
  build_copy "$target" || fail "${file##*/} does not compile" "$logs/mutant-build.out"
  if run_mutant_test "$target" "$filter" || ! failed_by_assertion; then code=1; fi
  patch --directory="$copy" --strip=1 --fuzz=0 --batch --reverse <"$file" >"$logs/mutant-patch.log" 2>&1 ||
    fail "${file##*/} cannot be taken back" "$logs/mutant-patch.log"
  return "$code"
}

# check_mutants [EXPRESSION]: those whose file names match.
check_mutants() {
  local files file survivors=()
  local copy=$checkout/build/mutants logs=$checkout/build/logs
  mapfile -t files < <(mutant_files "${1:-}")
  [[ ${#files[@]} -gt 0 ]] || fail "no mutant is called like '${1:-}'"
  step "mutants: a copy of the checkout"
  mkdir -p "$logs"
  copy_checkout "$copy"
  step "mutants: the tests without them"
  check_unchanged "${files[@]}"
  step "mutants"
  for file in "${files[@]}"; do
    if check_mutant "$file"; then
      note "caught:   ${file##*/} ($(mutant_field "$file" Breaks))"
    else
      cp "$logs/mutant-test.log" "$logs/survivor-${file##*/}.log"
      note "SURVIVED: ${file##*/} ($(mutant_field "$file" Breaks))"
      survivors+=("${file##*/}")
    fi
  done
  [[ ${#survivors[@]} -eq 0 ]] ||
    fail "no assertion failed with ${survivors[*]}; what their tests said is in $logs/survivor-*.log"
}
