#!/bin/sh
# Runs a program on the Node that the lockfile brings, whichever Node (or none) the machine has.
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
exec "$here/node_modules/.bin/node" --disable-warning=ExperimentalWarning "$@"
