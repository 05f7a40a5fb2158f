#!/bin/sh
# Builds the launcher: build.sh OUTPUT [BUILD_ID]. Without BUILD_ID it is read from OUTPUT's ../build-id.
set -eu
here=$(dirname -- "$0")
output=$1
id=${2:-$(cat -- "$(dirname -- "$output")/../build-id")}
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$here/../../package.json")
mkdir -p -- "$(dirname -- "$output")"
# Written beside its place and renamed: a build may be running the old one.
${CC:-gcc} -std=gnu11 -O2 -static -Wall -Wextra -Werror -DWARDCC_BUILD_ID="\"$id\"" -DWARDCC_VERSION="\"$version\"" \
  -o "$output.new" "$here"/*.c
mv -f -- "$output.new" "$output"
