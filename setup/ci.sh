#!/bin/sh
# Everything a submission must pass: lint, types, tests. Each runs even when one before it failed; the last line counts tests.
set -u
root=$(cd -- "$(dirname -- "$0")/.." && pwd -P)
cd -- "$root" || exit 1
status=0
for verb in lint types; do
  if ! sh setup/run.sh "$verb"; then
    printf 'wardcc: %s failed\n' "$verb" >&2
    status=1
  fi
done
sh setup/run.sh test || status=1
exit "$status"
