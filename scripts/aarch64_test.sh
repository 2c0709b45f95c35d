#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Cross-compiles model and engine for 64-bit ARM, and runs their tests and the determinism digests
# under QEMU's user-mode emulation: the bits must be x86's. Takes a few minutes; JOBS=n at a time.
set -eu
cd "$(dirname "$0")/.."
jobs=${JOBS:-$(nproc)}

status=0
scripts/make_arm64_sysroot.sh build/aarch64-sysroot || status=$?
if [ "$status" -eq 3 ]; then
  # Ubuntu's archive for arm64 is another host than the one that its other packages come from.
  echo 'aarch64_test: SKIPPED: no arm64 libraries to be had here (Debian 12 has them)' >&2
  exit 0
fi
[ "$status" -eq 0 ] || exit "$status"

test -f build/aarch64/build.ninja || cmake --preset aarch64
cmake --build --preset aarch64 --parallel "$jobs"
ctest --preset aarch64 --parallel "$jobs"
