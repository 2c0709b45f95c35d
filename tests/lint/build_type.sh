#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A configure without a preset gets an optimized build, and one that names a type gets that.
#
#   build_type.sh ROOT
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# expect TYPE ARGUMENT...: of the model and the engine alone, which configure in a second.
expect() {
  wanted=$1
  shift
  env -u CMAKE_BUILD_TYPE cmake -S "$root" -B "$work/build" -DCASCADE_BUILD_SERVER=OFF -DCASCADE_BUILD_TESTS=OFF \
    "$@" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  grep -qx "CMAKE_BUILD_TYPE:STRING=$wanted" "$work/build/CMakeCache.txt" || {
    echo "not $wanted: cmake $*"
    grep CMAKE_BUILD_TYPE "$work/build/CMakeCache.txt"
    exit 1
  }
}

root=$1
expect Release
expect Debug -DCMAKE_BUILD_TYPE=Debug
