# Sourced by the checks of this folder. `find_tool NAME` sets `tool` to a program that `npm ci`
# installed beside this file; without it the check is skipped, or fails in continuous integration.

find_tool() {
  local folder
  folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
  tool=$folder/node_modules/.bin/$1
  [[ -x $tool ]] && return
  echo "$1 is not installed: run 'npm ci' in tests/npm"
  [[ -z ${CI:-} ]] || exit 1
  exit 77
}
