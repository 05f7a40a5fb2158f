#!/bin/sh
# Runs inside a private mount namespace, as root: shows the checkout at a reachable place and a directory as /tmp, joins the
# cgroup, becomes the user and runs ava there. test-as-user.sh USER CGROUP PLACE HOME TMP [TEST FILES]
set -eu
root=$PWD
. setup/cgroup.sh
user=$1 cgroup=$2 place=$3 home=$4 tmp=$5
shift 5

mount --bind -- "$root" "$place"
mount -o remount,bind,ro -- "$place"
mount --bind -- "$tmp" /tmp
delegated=
if join_cgroup "$cgroup" "$user"; then delegated=/$cgroup; fi
cd -- "$place"
exec setpriv --reuid "$user" --regid "$user" --init-groups --inh-caps=-all -- \
  env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME="$home" USER="$user" LOGNAME="$user" ${CI:+CI="$CI"} \
  ${WARDCC_LONG:+WARDCC_LONG="$WARDCC_LONG"} WARDCC_TEST_CGROUP="$delegated" node_modules/.bin/node node_modules/.bin/ava --tap "$@"
