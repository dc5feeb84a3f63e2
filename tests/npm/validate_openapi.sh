#!/usr/bin/env bash
# validate_openapi.sh PLAYLOG_OPENAPI
# Gives the API's description, as the program PLAYLOG_OPENAPI prints it, to an OpenAPI validator.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/find_tool.sh"
find_tool validate-api
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" >"$work/openapi.json"
"$tool" "$work/openapi.json"
