#!/bin/sh
# The Kerberos tests against other people's KDCs: Heimdal's, and Samba's as Active Directory. Their packages conflict with MIT's,
# so they are unpacked under .cache/ and shown only inside a mount namespace; ports and traffic are those of a network namespace
# with nothing but a loopback interface; whatever still runs ends with the process namespace. Nothing is installed and nothing leaves the machine but the download of the packages.
# Arguments are columns: mit heimdal heimdal-kinit samba (all of them without any).
set -eu
root=$(cd -- "$(dirname -- "$0")/.." && pwd -P)
cd -- "$root"
. setup/lib.sh

place=.cache/interop
[ $# -gt 0 ] || set -- mit heimdal heimdal-kinit samba

# unpack NAME PACKAGE...: the packages and what they need that this machine does not have, under $place/NAME/root.
unpack() {
  name=$1
  shift
  directory=$place/$name
  if stamped "interop-$name" "$*"; then return 0; fi
  say "fetching Debian packages for the interop tests: $*"
  rm -rf -- "$directory"
  mkdir -p "$directory/packages" "$directory/root"
  wanted=$(apt-get -s -q install --no-install-recommends "$@" 2>/dev/null | awk '/^Inst/ { print $2 }')
  [ -n "$wanted" ] || die "apt-get knows no packages $*, or they are installed already"
  # shellcheck disable=SC2086 # a list of package names
  (cd -- "$directory/packages" && apt-get -q download $wanted) >".cache/log/interop-$name.log" 2>&1 || die "that failed: see .cache/log/interop-$name.log"
  for package in "$directory"/packages/*.deb; do dpkg -x "$package" "$directory/root"; done
  dpkg-deb -f "$directory/packages/$1"_*.deb Version >"$directory/version"
  rm -rf -- "$directory/packages"
  stamp "interop-$name" "$*"
}

mkdir -p .cache/log
locked unpack heimdal heimdal-kdc heimdal-clients
locked unpack samba samba samba-ad-dc samba-ad-provision samba-dsdb-modules winbind
mkdir -p "$place/results"

# Overlay options are separated by commas and colons, so they get a short path without them.
layers=$(mktemp -d /tmp/wardcc-interop.XXXXXX)
trap 'rm -rf -- "$layers"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
ln -s "$root/$place/samba/root/usr" "$layers/samba"
ln -s "$root/$place/heimdal/root/usr" "$layers/heimdal"

status=0
for column in "$@"; do
  printf '# %s\n' "$column"
  # shellcheck disable=SC2016 # expanded inside the namespace
  WARDCC_TEST_PART=interop WARDCC_TEST_COLUMN=$column WARDCC_TEST_TEMPLATES="$layers/templates" \
    timeout 900 unshare --user --map-root-user --mount --net --pid --fork --kill-child --mount-proc --propagation private sh -euc '
      mount -t overlay -o "lowerdir=$1/samba:$1/heimdal:/usr" overlay /usr
      ip link set lo up
      exec "$2" node_modules/.bin/ava --tap
    ' sh "$layers" "$node" </dev/null >"$place/results/$column.tap" || status=1
  grep -E '^(ok|not ok|# (tests|pass|fail|skip))' "$place/results/$column.tap" || :
done
"$node" test/interop/record.ts "$place"
exit "$status"
