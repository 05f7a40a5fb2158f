# From sources to dist/: TypeScript stripped to JavaScript, the launcher, the native helpers, and the build's name. Sourced.
#
# dist/build-id is a hash over all that client and server are made of: an agent of another build is never asked.

ensure_build() {
  inputs=$(build_inputs)
  if stamped build "$inputs" && [ -e dist/build-id ]; then return 0; fi
  say 'building'
  rm -f .cache/build.stamp
  quietly tsc node_modules/.bin/tsc -p tsconfig.build.json
  remove_stale_modules
  copy_data_files
  mkdir -p dist/bin
  for program in bin/*; do
    cp "$program" "dist/$program.new"
    chmod 755 "dist/$program.new"
    mv -f "dist/$program.new" "dist/$program" # a shell may be reading the old one
  done
  name_build
  ensure_native
  quietly launcher sh client/launcher/build.sh "$root/dist/bin/wardcc"
  keep_agent_code
  stamp build "$inputs"
}

ensure_native() {
  parts=$(fingerprint server/native .cache/modules.stamp)
  if stamped native "$parts" && [ -e dist/native/wardcc.node ]; then return 0; fi
  quietly native sh server/native/build.sh "$root/dist/native"
  stamp native "$parts"
}

source_directories='protocol policy toolchain certs link client server ctl'

build_inputs() {
  # shellcheck disable=SC2086 # a list of directories
  fingerprint $source_directories bin setup/build.sh tsconfig.json tsconfig.build.json .cache/modules.stamp
}

# A module whose source is gone must not stay importable, nor count in the build's name.
remove_stale_modules() {
  find dist -name '*.js' | while IFS= read -r file; do
    source=${file#dist/}
    [ -e "${source%.js}.ts" ] || rm -f -- "$file"
  done
}

# What tsc leaves behind: schemas, examples and tables that the programs read.
copy_data_files() {
  # shellcheck disable=SC2086
  find $source_directories \( -name '*.json' -o -name '*.jsonc' \) -type f | while IFS= read -r file; do
    mkdir -p "dist/$(dirname -- "$file")"
    cp -- "$file" "dist/$file"
  done
}

# An agent starts in less time with code that is compiled already. The agent itself compiles it: what was compiled with other options of
# node than an agent's would not be taken.
keep_agent_code() {
  rm -rf dist/code-cache
  mkdir dist/code-cache
  quietly code-cache dist/bin/wardcc-agent --only-load
  chmod -R a+rX dist/code-cache # node makes files for its own user alone
}

name_build() {
  {
    find dist -name '*.js' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    find client/launcher server/native -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-32 >dist/build-id
}
