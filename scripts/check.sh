#!/bin/sh
# Types, lint, format and dead code: everything that can be wrong without running.
set -eu
cd "$(dirname -- "$0")/.."
PATH="$PWD/node_modules/.bin:$PATH"
# Written in Go, which by default collects its garbage so often that a fifth of their time goes there.
export GOGC="${GOGC:-400}"
tsc -p .
tsc -p src/ui
oxlint --type-aware --quiet
biome format .
knip
