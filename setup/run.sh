#!/bin/sh
# The one door to every task: run.sh demo | test | interop | build | lint | types | bench | attacks | fuzz | chaos | ci
#
# Each brings the checkout to the state it needs first; a step whose inputs have not changed is skipped, so the second
# time works without a network. Works in a checkout whose path has spaces, as root or as an ordinary user.
set -eu

root=$(cd -- "$(dirname -- "$0")/.." && pwd -P)
cd -- "$root"
. setup/lib.sh
. setup/packages.sh
. setup/modules.sh
. setup/build.sh
. setup/sources.sh

verb=${1:-}
[ $# -eq 0 ] || shift
umask 022
without_npm_path
check_node

case $verb in
  demo)
    case ${1:-} in
      --krb5 | --ssh) locked prepare "${1#--}" ;;
      *) locked prepare base ;;
    esac
    sh setup/demo.sh "$@" ;;
  test)
    locked prepare all
    sh setup/test.sh "$@" ;;
  interop)
    locked prepare krb5
    sh setup/interop.sh "$@" ;;
  bench)
    locked prepare bench
    "$node" bench/main.ts "$@" ;;
  attacks | fuzz | chaos)
    locked prepare all
    "$node" "test/$verb/main.ts" "$@" ;;
  soak | killrace)
    locked prepare all
    "$node" "test/long/$verb.ts" "$@" ;;
  build)
    locked prepare base ;;
  lint)
    locked prepare_modules
    node_modules/.bin/oxlint ;;
  types)
    locked prepare_modules
    node_modules/.bin/tsc --noEmit ;;
  ci)
    sh setup/ci.sh ;;
  *)
    die "usage: setup/run.sh demo | test | interop | build | lint | types | bench | attacks | fuzz | chaos | soak | killrace | ci" ;;
esac
