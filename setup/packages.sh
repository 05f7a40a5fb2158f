# System packages, from the machine's own apt sources. Daemons that come along are kept from starting. Sourced.

# What building and running takes.
base_packages='bubblewrap build-essential git libkrb5-dev make python3'
# What the tests hold wardcc against: each oracle is the real thing.
test_packages='ccache clang cmake distcc dnsmasq-base gitolite3 ldap-utils mandoc minisign ninja-build openssl procps redis-server seccomp slapd sssd-kcm subversion systemd'
# What only the bench compares it with.
bench_packages='icecc iproute2 sccache'
# What a throwaway farm takes that people reach in another way than with certificates.
krb5_packages='krb5-admin-server krb5-kdc krb5-user'
ssh_packages='openssh-client openssh-server'

# ensure_packages base|krb5|ssh|all|bench
ensure_packages() {
  case $1 in
    base) wanted=$base_packages ;;
    krb5) wanted="$base_packages $krb5_packages" ;;
    ssh) wanted="$base_packages $ssh_packages" ;;
    bench) wanted="$base_packages $test_packages $bench_packages $krb5_packages $ssh_packages" ;;
    *) wanted="$base_packages $test_packages $krb5_packages $ssh_packages" ;;
  esac
  missing=
  for package in $wanted; do
    package_installed "$package" || missing="$missing $package"
  done
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    say 'some Debian packages are missing; as root, run:'
    printf '  apt-get install --no-install-recommends%s\n' "$missing" >&2
    exit 1
  fi
  say "installing Debian packages:$missing"
  (
    keep_daemons_from_starting
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-update apt-get -o DPkg::Lock::Timeout=300 update
    # shellcheck disable=SC2086 # a list of package names
    quietly apt-install apt-get -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing
  )
}

package_installed() {
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Debian asks policy-rc.d before a package's script starts a daemon: 101 means no. The machine's own file comes back as it was.
keep_daemons_from_starting() {
  policy=/usr/sbin/policy-rc.d
  saved=$policy.before-wardcc
  if [ -e "$policy" ] || [ -L "$policy" ]; then
    [ -e "$saved" ] || [ -L "$saved" ] || mv "$policy" "$saved"
  fi
  trap restore_policy EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

restore_policy() {
  rm -f "$policy"
  if [ -e "$saved" ] || [ -L "$saved" ]; then mv "$saved" "$policy"; fi
}
