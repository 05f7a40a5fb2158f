# Small helpers of the set-up: words, stamps, locks. Sourced; the working directory is the checkout.

say() { printf 'wardcc: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Node 26 from the lockfile; everything of ours runs under it.
node="$root/node_modules/.bin/node"

# `npm run` puts node_modules/.bin first on PATH. npm itself must not run under a node that `npm ci` is about to replace.
without_npm_path() {
  kept=
  rest=$PATH:
  while [ -n "$rest" ]; do
    part=${rest%%:*}
    rest=${rest#*:}
    case $part in
      */node_modules/.bin | */node-gyp-bin | '') ;;
      *) kept=${kept:+$kept:}$part ;;
    esac
  done
  PATH=$kept:/usr/sbin:/sbin
  export PATH
}

check_node() {
  command -v npm >/dev/null || die "npm is needed: install Node.js 20 or newer with npm."
  found=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || die "Node.js 20 or newer is needed."
  [ "$found" -ge 20 ] || die "Node.js 20 or newer is needed; this is $found."
}

# fingerprint PATH...: one hash over names and contents.
fingerprint() {
  find "$@" -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-64
}

# A stamp tells that a step was done for exactly these inputs.
stamped() { [ "$(cat ".cache/$1.stamp" 2>/dev/null)" = "$2" ]; }
stamp() { printf '%s\n' "$2" >".cache/$1.stamp"; }

# locked COMMAND...: two runs in one checkout wait for each other. A checkout that somebody else set up needs no lock.
locked() {
  mkdir -p .cache/log 2>/dev/null || :
  if [ -w .cache ]; then
    exec 9>.cache/lock
    flock 9
  fi
  "$@" 9>&-
  exec 9>&-
}

# quietly NAME COMMAND...: the output goes to a log; the end of it is shown when the command fails.
quietly() {
  log=.cache/log/$1.log
  shift
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 40 "$log" >&2
    die "that failed: see $log"
  fi
}

prepare_modules() {
  ensure_packages base
  ensure_modules
}

# prepare base|krb5|ssh|all|bench: everything that must be there before anything of ours can run.
prepare() {
  ensure_packages "$1"
  ensure_modules
  ensure_kerberos
  ensure_build
  case $1 in all | bench) ensure_sources ;; esac
}
