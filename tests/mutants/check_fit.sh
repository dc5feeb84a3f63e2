#!/usr/bin/env bash
# check_fit.sh CHECKOUT: every mutant applies to the code as it is, to the line. Whether its test
# fails by it takes deploy/test --mutants, which is too long for every day; a patch that no longer
# fits would only be noticed then.
set -euo pipefail
checkout=$1
misfits=0
for file in "$checkout"/tests/mutants/*.mutant; do
  if ! patch --dry-run --directory="$checkout" --strip=1 --fuzz=0 --forward --batch \
    --reject-file=- <"$file" >/dev/null; then
    echo "${file##*/} does not apply" >&2
    misfits=$((misfits + 1))
  fi
done
exit $((misfits > 0))
