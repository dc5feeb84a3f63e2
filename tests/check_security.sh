#!/usr/bin/env bash
# check_security.sh CHECKOUT: every link of SECURITY.md leads to a file, every test that it names is in
# that file, and every threat has its row.
set -euo pipefail
cd "$1"
failures=0

complain() {
  printf 'SECURITY.md: %s\n' "$1" >&2
  failures=$((failures + 1))
}

while IFS=$'\t' read -r text target; do
  [[ $target == http* ]] && continue
  if [[ ! -e $target ]]; then
    complain "there is no $target"
  elif [[ $text =~ ^([A-Za-z0-9]+)\.([A-Za-z0-9]+)$ ]]; then
    grep -qE "^TEST(_F|_P)?\(${BASH_REMATCH[1]}, ${BASH_REMATCH[2]}\)" "$target" ||
      complain "$target has no test $text"
  fi
done < <(grep -oE '\[[^]]+\]\([^)]+\)' SECURITY.md | sed -E 's/^\[([^]]+)\]\(([^)]+)\)$/\1\t\2/')

for number in {1..32}; do
  grep -q "^| TH$number |" SECURITY.md || complain "the threat TH$number has no row"
done

grep -qE '\[[A-Za-z0-9]+\.[A-Za-z0-9]+\]\(' SECURITY.md || complain "it names no test at all"
exit $((failures > 0))
