#!/bin/sh
# Builds wardcc.node, wardcc-slot and wardcc-probe into OUTDIR with the machine's own compilers: no network, no node-gyp, any path.
# usage: build.sh OUTDIR [NODE_INCLUDE_DIR]
set -eu

out=${1:?usage: build.sh OUTDIR [NODE_INCLUDE_DIR]}
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
root=$(CDPATH= cd -- "$here/../.." && pwd)
modules=$root/node_modules
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "build.sh: no support for $(uname -m)" >&2; exit 1 ;;
esac
include=${2:-$modules/node-linux-$arch/include/node}
[ -e "$include/node_api.h" ] || { echo "build.sh: no node_api.h in $include: run npm ci first" >&2; exit 1; }

mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

hardening='-O2 -g0 -Wall -Wextra -D_FORTIFY_SOURCE=2 -fstack-protector-strong'

# A helper that sets up what everything else relies on must not depend on a loader or a library path.
for helper in slot probe; do
  ${CC:-cc} -std=c11 $hardening -static -Wl,-z,relro,-z,now -o "$work/wardcc-$helper" "$here/$helper.c"
done

set -- "$here/addon.cc" "$here/confine.cc" "$here/credentials.cc" "$here/limits.cc" "$here/spawn.cc" "$here/stat.cc"
libraries=
if [ -e "$here/gss.cc" ]; then
  set -- "$@" "$here/gss.cc" "$here/ticket-key.cc" "$here/credential-cache.cc" -DWARDCC_GSS
  libraries='-lgssapi_krb5 -lkrb5'
fi
${CXX:-c++} -std=c++17 $hardening -fPIC -shared -fno-exceptions -fvisibility=hidden -Wl,-z,relro,-z,now \
  -DNAPI_VERSION=9 -DNODE_ADDON_API_DISABLE_DEPRECATED -DNAPI_DISABLE_CPP_EXCEPTIONS -DBUILDING_NODE_EXTENSION \
  -isystem "$include" -isystem "$modules/node-addon-api" -o "$work/wardcc.node" "$@" $libraries

# Each is replaced in one step: a build beside running processes never shows them half a file.
for file in wardcc-slot wardcc-probe wardcc.node; do
  chmod 755 "$work/$file"
  cp "$work/$file" "$out/.$file.$$"
  mv -f "$out/.$file.$$" "$out/$file"
done
