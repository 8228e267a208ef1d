#!/bin/sh
# Runs a program on the Node that the lockfile brings, whichever Node (or none) the machine has.
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
if ! [ -x "$here/node_modules/.bin/node" ]; then
  . "$here/scripts/ensure.sh"
  ensure_node || exit 1
fi
exec "$here/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$@"
