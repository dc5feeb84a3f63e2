#!/usr/bin/env bash
# validate_sbom.sh DEPLOY_SBOM PROGRAM...
# Gives the bill of materials of the programs to CycloneDX's own schema, makes it a second time to see
# that it is the same, and looks for what has to be in it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/find_tool.sh"
find_module @cyclonedx/cyclonedx-library
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$@" >"$work/sbom.json"
"$@" >"$work/again.json"
cmp "$work/sbom.json" "$work/again.json"
node "$(dirname "${BASH_SOURCE[0]}")/validate_sbom.mjs" "$work/sbom.json"
