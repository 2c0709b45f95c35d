#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds a clone with the gRPC and Protobuf of Debian's experimental suite and the compiler of unstable,
# and runs the tests there, tests/hostile included. As root, with mmdebstrap; needs the network and 5 GB
# of disk, and takes an hour on two CPUs.
#
#   modern_test.sh [FOLDER...]    folders of tests/ alone, for less; JOBS bounds it
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

step() { printf '== %s\n' "$*"; }
die() { printf 'modern_test: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || die 'not root: mmdebstrap and chroot need it'
command -v mmdebstrap > /dev/null || die 'no mmdebstrap: apt-get install mmdebstrap'
for folder in "$@"; do [ -e "tests/$folder/CMakeLists.txt" ] || die "there is no folder tests/$folder"; done

root=$(mktemp -d /var/tmp/cascade-modern.XXXXXX)
cleanup() {
  umount "$root/dev" "$root/proc" 2> /dev/null || true
  # Never through a mount that is still there.
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

# inside COMMAND...: in the chroot, its output only if it fails.
inside() {
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive \
    "$@" > "$root/log" 2>&1 || { tail -n 100 "$root/log"; exit 1; }
}

step 'a bare Debian unstable'
# Of its own default mirror: with an input that is empty, mmdebstrap would read no sources from it.
mmdebstrap --quiet --variant=apt --mode=root \
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
  unstable "$root" < /dev/null
sed 's/ unstable / experimental /' "$root/etc/apt/sources.list" > "$root/etc/apt/sources.list.d/experimental.list"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"

step 'gRPC and Protobuf from experimental, what else is needed from unstable'
# Abseil too, because they are built with unstable's: experimental's may be newer, and would not link.
cat > "$root/etc/apt/preferences.d/modern" << 'END'
Package: src:grpc src:protobuf
Pin: release a=experimental
Pin-Priority: 600
END
inside apt-get -qq update
inside apt-get -qq install --no-install-recommends -y \
  libabsl-dev libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc \
  cmake g++ libedit-dev libeigen3-dev libgmock-dev libgtest-dev libhwy-dev libmicrohttpd-dev libpcre2-dev libspdlog-dev prometheus-cpp-dev libutf8proc-dev libxxhash-dev \
  ninja-build nlohmann-json3-dev pkg-config
inside dpkg-query -W libabsl-dev libgrpc++-dev libprotobuf-dev g++
cat "$root/log"

git clone --quiet . "$root/cascade"
inside cmake --preset release -S /cascade
if [ $# -eq 0 ]; then
  step 'build everything'
  inside cmake --build /cascade/build --parallel "$jobs"
  step 'all tests'
  inside ctest --test-dir /cascade/build --parallel "$jobs" --output-on-failure --label-exclude hostile
  tail -n 3 "$root/log"
  step 'attacks'
  inside /cascade/build/tests/hostile_test
  grep '^|' "$root/log"
fi
for folder in "$@"; do
  step "build and test $folder"
  inside cmake --build /cascade/build --parallel "$jobs" --target cascade-server cascade "tests/$folder/all"
  inside ctest --test-dir "/cascade/build/tests/$folder" --parallel "$jobs" --output-on-failure
  tail -n 3 "$root/log"
done
step 'modern_test: all well'
