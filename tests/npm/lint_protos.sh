#!/usr/bin/env bash
# lint_protos.sh GOOGLEAPIS
# Runs `buf lint` over proto/ by the rules of proto/buf.yaml. GOOGLEAPIS is the folder with google/api,
# which buf must see beside our protos, so both are copied into one folder first.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/find_tool.sh"
find_tool buf
protos=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../proto" && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/module"
cp -r "$protos/buf.yaml" "$protos/playlog" "$1/google" "$work/module/"
cd "$work/module"
HOME=$work XDG_CACHE_HOME=$work "$tool" lint
echo "$(find playlog -name '*.proto' | wc -l) protos are clean"
