#!/bin/sh
# The tests, as TAP. An ordinary user just runs them. Root runs them as the system user wardcc-dev, in a mount namespace that
# shows the checkout at a place this user can reach, in a cgroup that is handed to it; then come the tests that need root.
# Arguments are test files. The last line is `N passed, N failed`.
set -eu
root=$(cd -- "$(dirname -- "$0")/.." && pwd -P)
cd -- "$root"
. setup/lib.sh
. setup/cgroup.sh

user=wardcc-dev
name=wardcc-test.$$
results=$(mktemp -d "${TMPDIR:-/tmp}/wardcc-test.XXXXXX")
stage=/run/wardcc-dev/test.$$
status=0

clean_up() {
  remove_cgroup "$name"
  rm -rf -- "$results" "$stage/home"
  rmdir -- "$stage/the checkout" "$stage" 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# tap PART COMMAND...: shows the TAP, keeps it for counting, and remembers the exit status, which a pipe would lose.
tap() {
  part=$1
  shift
  { "$@" </dev/null || echo "$?" >"$results/$part.status"; } | tee "$results/$part.tap"
  [ ! -e "$results/$part.status" ] || status=1
}

# sshd runs what it is asked for through the account's shell, so it has one; it has no password.
ensure_user() {
  if ! id "$user" >/dev/null 2>&1; then
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /bin/sh "$user"
  fi
}

as_user() {
  ensure_user
  mkdir -p "$stage/the checkout" "$stage/home" "$results/tmp"
  chown "$user:" "$stage/home"
  chmod 1777 "$results/tmp"
  chmod 711 "$results"
  delegate_cgroup "$name" "$user" || say 'no cgroup can be handed out here: tests that need one will fail'
  unshare --mount --propagation private sh setup/test-as-user.sh "$user" "$name" "$stage/the checkout" "$stage/home" "$results/tmp" "$@"
}

# The user's tests have a /tmp of their own. What is in it after them is a test's mistake, and counts as one that failed.
nothing_left() {
  [ -n "$(ls -A "$results/tmp")" ] || return 0
  echo 'not ok - nothing is left in /tmp'
  (cd -- "$results/tmp" && find . -mindepth 1 -maxdepth 3) | sed 's/^/# /'
  return 1
}

if [ "$(id -u)" -eq 0 ]; then
  tap user as_user "$@"
  tap left nothing_left
  if [ $# -eq 0 ]; then tap system env WARDCC_TEST_PART=system "$node" node_modules/.bin/ava --tap; fi
else
  tap user "$node" node_modules/.bin/ava --tap "$@"
fi

passed=$(cat "$results"/*.tap | grep '^ok ' | grep -vcE '# (SKIP|TODO)' || :)
failed=$(cat "$results"/*.tap | grep -c '^not ok ' || :)
# A crash that no test reports must not look like success.
if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
[ "$failed" -eq 0 ] || status=1
printf '\n%s passed, %s failed\n' "$passed" "$failed"
exit "$status"
