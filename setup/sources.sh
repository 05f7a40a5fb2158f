# Debian's sources of the projects that tests and bench compile, unpacked under .cache/sources/NAME. Sourced.

source_projects='redis re2'

# An apt configuration of its own, so that neither root nor a deb-src line in the machine's own configuration is needed. The
# mirror is the one this machine takes its binary packages from.
ensure_sources() {
  for project in $source_projects; do
    [ -d ".cache/sources/$project" ] || { fetch_sources; return; }
  done
}

fetch_sources() {
  say 'fetching the sources of redis and re2'
  (
    apt=$(mktemp -d /tmp/wardcc-apt.XXXXXX)
    trap 'rm -rf -- "$apt"' EXIT
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/unpacked"
    release=$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Identifier: Packages' |
      awk -v release="$release" '$2 == release && $3 == "main" { print "deb-src", $1, $2, $3 }' |
      sort -u >"$apt/sources.list"
    [ -s "$apt/sources.list" ] || die "no apt source of Debian $release is configured on this machine."
    quietly sources private_apt update
    for project in $source_projects; do
      rm -rf -- "$apt/unpacked"
      mkdir "$apt/unpacked"
      quietly "sources-$project" unpack_source "$project"
      mkdir -p .cache/sources
      rm -rf -- ".cache/sources/$project"
      mv -- "$apt/unpacked/$project"-*/ ".cache/sources/$project"
    done
  )
}

private_apt() {
  apt-get -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists="$apt/lists" \
    -o Dir::Cache="$apt/cache" -o APT::Sandbox::User= "$@"
}

unpack_source() (
  cd -- "$apt/unpacked"
  private_apt source "$1"
)
