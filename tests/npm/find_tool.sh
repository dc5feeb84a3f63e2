# Sourced by the checks of this folder. `find_tool NAME` sets `tool` to a program that `npm ci`
# installed beside this file; without it the check is skipped, or fails in continuous integration.

# Says that something is missing; the check is skipped, or fails in continuous integration.
miss() {
  echo "$1 is not installed: run 'npm ci' in tests/npm"
  [[ -z ${CI:-} ]] || exit 1
  exit 77
}

# find_module NAME: the same for a module that a script of this folder imports.
find_module() {
  [[ -d $(dirname "${BASH_SOURCE[0]}")/node_modules/$1 ]] || miss "$1"
}

find_tool() {
  local folder
  folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
  tool=$folder/node_modules/.bin/$1
  [[ -x $tool ]] || miss "$1"
}
