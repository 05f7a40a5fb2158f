# npm packages from the lockfile, without any of their scripts, and the one of them that has to be compiled. Sourced.

ensure_modules() {
  lock=$(fingerprint package-lock.json)
  if stamped modules "$lock" && [ -x "$node" ]; then return 0; fi
  say 'installing npm packages'
  rm -f .cache/kerberos.stamp
  quietly npm-ci npm ci --ignore-scripts --no-audit --no-fund --prefer-offline
  [ -x "$node" ] || die "no Node 26 in the lockfile for this processor: $(uname -m)"
  stamp modules "$lock"
}

# The kerberos package ships no binary. node-gyp and make cannot cope with spaces in paths, so it is built elsewhere, with the
# headers of the very Node that will load it, and nothing is downloaded.
ensure_kerberos() {
  binary=node_modules/kerberos/build/Release/kerberos.node
  kerberos_inputs=$(fingerprint node_modules/kerberos/src node_modules/kerberos/binding.gyp)
  if stamped kerberos "$kerberos_inputs" && [ -e "$binary" ]; then return 0; fi
  say 'building the Kerberos module'
  (
    place=$(mktemp -d /tmp/wardcc-kerberos.XXXXXX)
    trap 'rm -rf -- "$place"' EXIT
    mkdir "$place/node_modules" "$place/tools"
    cp -R node_modules/kerberos node_modules/node-addon-api "$place/node_modules/"
    ln -s "$(node_home)" "$place/node"
    ln -s "$root/node_modules" "$place/tools/node_modules"
    quietly kerberos build_kerberos "$place"
    mkdir -p node_modules/kerberos/build/Release
    cp "$place/node_modules/kerberos/build/Release/kerberos.node" "$binary"
  )
  stamp kerberos "$kerberos_inputs"
}

build_kerberos() (
  cd -- "$1/node_modules/kerberos"
  PATH="$1/node/bin:$PATH" npm_config_nodedir="$1/node" npm_config_build_from_source=true \
    "$1/node/bin/node" --preserve-symlinks --preserve-symlinks-main "$1/tools/node_modules/node-gyp/bin/node-gyp.js" rebuild
)

# Where Node 26 lies, with its headers under include/node.
node_home() { dirname -- "$(dirname -- "$(readlink -f -- "$node")")"; }
