#!/bin/sh
# The whole test suite, from a clean clone on: brings what is missing, then runs the tiers (scripts/test.ts).
#
#   scripts/test.sh [slow] [TIER...]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$here"
. scripts/ensure.sh
ensure_node
PATH="$here/node_modules/.bin:$PATH"
exec node --disable-warning=ExperimentalWarning scripts/test.ts "$@"
