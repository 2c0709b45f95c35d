#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a folder that looks like a small arm64 Debian with the libraries that the model and the engine
# need, for cmake/toolchains/aarch64-linux-gnu.cmake. apt resolves and downloads into the folder, with
# lists of its own, and dpkg unpacks: no package is installed, no root is needed, this machine's apt
# knows nothing of it.
#
#   make_arm64_sysroot.sh FOLDER    does nothing if it is complete; 3: this machine's archives have no arm64
set -eu

packages='libabsl-dev libeigen3-dev libhwy-dev libpcre2-dev libutf8proc-dev libxxhash-dev nlohmann-json3-dev
          libgtest-dev libgmock-dev libstdc++6'

say() { printf 'make_arm64_sysroot: %s\n' "$*" >&2; }

[ $# -eq 1 ] || { say 'one argument: the folder'; exit 2; }
mkdir -p "$1"
sysroot=$(cd "$1" && pwd)
complete=$sysroot/.complete
[ "$(cat "$complete" 2>/dev/null)" = "$packages" ] && exit 0

# Empty it, but not a folder that is something else.
if [ -n "$(ls -A "$sysroot")" ] && ! [ -e "$sysroot/.sysroot" ]; then
  say "$sysroot is not empty, and no sysroot of this script"
  exit 2
fi
find "$sysroot" -mindepth 1 -delete
touch "$sysroot/.sysroot"

apt=$sysroot/.apt
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
of_arm64() {
  apt-get -q \
    -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
    -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o Dir::State="$apt" -o Dir::State::status=/dev/null -o Dir::Cache="$apt/cache" \
    -o Debug::NoLocking=true "$@"
}
say "downloading arm64 libraries to $sysroot"
# An archive that has no arm64 (Ubuntu's main one; a third party's) is an error, but it is not said
# that we need it: what counts is whether the packages are there.
of_arm64 update > "$apt/log" 2>&1 || :
# shellcheck disable=SC2086  # a list of words
if ! of_arm64 install -y --no-install-recommends --download-only $packages >> "$apt/log" 2>&1; then
  cat "$apt/log" >&2
  say 'the archives that apt uses here do not have these arm64 packages'
  exit 3
fi
for package in "$apt"/cache/archives/*.deb; do dpkg -x "$package" "$sysroot"; done
rm -r "$apt"
printf '%s\n' "$packages" > "$complete"
