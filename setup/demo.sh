#!/bin/sh
# The demonstration, after set-up. Its work is done by setup/demo/main.ts.
set -eu
root=$(cd -- "$(dirname -- "$0")/.." && pwd -P)
exec "$root/node_modules/.bin/node" --disable-sigusr1 "$root/setup/demo/main.ts" "$@"
