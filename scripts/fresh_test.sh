#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make run and make test, as the README has them, from a clone in a Debian or Ubuntu where nothing is
# installed but make. As root, with mmdebstrap; needs 4 GB of disk. Takes this machine's apt sources for
# its own release, and the distribution's own mirror for another; Ubuntu's needs Ubuntu's keyring in
# /usr/share/keyrings.
#
#   fresh_test.sh [RELEASE [TARGET]]    bookworm, trixie or noble; make TARGET instead of `make test`
#
# JOBS from the environment bounds the parallel jobs of make.
set -eu
cd "$(dirname "$0")/.."
release=${1:-bookworm}
target=${2:-test}
port=$((20000 + $$ % 20000))
root=$(mktemp -d /var/tmp/cascade-fresh.XXXXXX)
server=

started=$(date +%s)
# step TEXT: the text, after the minutes since the start.
step() { printf '== %3d min: %s\n' $((($(date +%s) - started) / 60)) "$*"; }

cleanup() {
  [ -z "$server" ] || kill "$server" 2> /dev/null || true
  umount "$root/dev/pts" "$root/proc" "$root/sys" 2> /dev/null || true
  # Never through a mount that is still there.
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT

# Becomes the command; in the background, $! is then its process.
enter() { exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root ${JOBS:+"JOBS=$JOBS"} "$@"; }
inside() { (enter "$@"); }

# bare [SOURCES]: the release, from these apt sources or from its own mirror.
bare() {
  components=main
  [ "$release" != noble ] || components=main,universe
  # With an input that is empty, mmdebstrap would read no sources from it.
  mmdebstrap --quiet --variant=minbase --mode=root --include=apt,make --components="$components" \
    --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
    "$release" "$root" "$@" < /dev/null
}

step "a bare $release"
# shellcheck disable=SC1091  # not in this repository
if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" != "$release" ]; then
  bare
elif [ -e /etc/apt/sources.list.d/debian.sources ]; then
  bare /etc/apt/sources.list.d/debian.sources
else
  bare /etc/apt/sources.list
fi
cp /etc/resolv.conf "$root/etc/resolv.conf"
# Of /dev it has what mmdebstrap made. A bind of this machine's own would outlive a killed run, and who
# then deletes the folder by hand empties both.
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"  # for the tests of line editing
# Without /sys, glibc's malloc leaves an error in errno when it asks for the number of CPUs, and gRPC 1.51's
# client, which looks at errno too late, takes a connection that is in progress for one that has failed.
mount -t sysfs -o ro sysfs "$root/sys"
git clone --quiet . "$root/cascade"

step 'a clone, and make run'
enter make -C /cascade run "LISTEN=127.0.0.1:$port" > "$root/run.log" 2>&1 &
server=$!
until inside /cascade/build/bin/cascade health "--server=127.0.0.1:$port" > "$root/health.log" 2>&1; do
  kill -0 "$server" 2> /dev/null || { tail -n 50 "$root/run.log"; exit 1; }
  sleep 2
done
step 'first tokens'
inside /cascade/build/bin/cascade generate "--server=127.0.0.1:$port" --seed=1 'Once upon a time'
kill "$server"
wait "$server" || true  # with what make says of an interrupted command
server=
tail -n 4 "$root/run.log"
grep -q 'shut down' "$root/run.log"

step "make $target"
inside make -C /cascade "$target" > "$root/test.log" 2>&1 || {
  tail -n 100 "$root/test.log"
  cp "$root/test.log" "/var/tmp/cascade-fresh-$release.log"
  echo "the whole log: /var/tmp/cascade-fresh-$release.log"
  exit 1
}
tail -n 12 "$root/test.log"
step 'fresh_test: all well'
