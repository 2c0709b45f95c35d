#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the .deb in a Debian where nothing else is, runs both programs there, and removes it again. The
# Debian is of this machine's release, which the package was built on, and from its apt sources. As root on Debian
# 12 or 13, with mmdebstrap; needs 1 GB of disk.
#
#   deb_test.sh PACKAGE    a .deb, or the folder that holds one; `make deb` makes it
set -eu
package=$1
[ ! -d "$package" ] || package=$(find "$package" -maxdepth 1 -name 'cascade_*.deb')
[ -f "$package" ] || { echo "deb_test: $1: no package, or several" >&2; exit 2; }
root=$(mktemp -d /var/tmp/cascade-deb.XXXXXX)
server=

step() { printf '== %s\n' "$*"; }
die() { printf 'deb_test: %s\n' "$*" >&2; exit 1; }

cleanup() {
  [ -z "$server" ] || kill "$server" 2> /dev/null || true
  umount "$root/dev" "$root/proc" 2> /dev/null || true
  # Never through a mount that is still there.
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT

# Becomes the command; in the background, $! is then its process.
enter() { exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
inside() { (enter "$@"); }

# shellcheck disable=SC1091  # not in this repository
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
step "a bare $release"
sources=/etc/apt/sources.list.d/debian.sources
[ -e "$sources" ] || sources=/etc/apt/sources.list
mmdebstrap --quiet --variant=minbase --mode=root \
  --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
  "$release" "$root" "$sources"
cp /etc/resolv.conf "$root/etc/resolv.conf"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
chmod 755 "$root"  # for who is not root

step "install ${package##*/}"
cp "$package" "$root/cascade.deb"
inside apt-get -qq update
inside apt-get -qq install --no-install-recommends -y /cascade.deb > "$root/apt.log" 2>&1 ||
  { cat "$root/apt.log"; exit 1; }
inside dpkg-query -W cascade
echo '# a change of the administrator' >> "$root/etc/cascade/cascade-server.flags"

step 'the unit: systemd reads it without complaint, and rates what the service may do'
unit=/usr/lib/systemd/system/cascade-server.service
inside apt-get -qq install --no-install-recommends -y systemd >> "$root/apt.log" 2>&1
inside systemd-analyze verify "$unit"
inside systemd-analyze security --offline=true --threshold=25 "$unit" | tail -n 1

step 'serve as the unit does, as nobody'
command=$(sed -n 's/^ExecStart=//p' "$root$unit")
# shellcheck disable=SC2086  # a command line of words
enter setpriv --reuid=nobody --regid=nogroup --clear-groups \
  sh -c 'cd / && exec "$@"' sh $command --listen=127.0.0.1:0 > "$root/address" 2> "$root/server.log" &
server=$!
until [ -s "$root/address" ] && inside cascade health "--server=$(cat "$root/address")" > "$root/health" 2>&1; do
  kill -0 "$server" 2> /dev/null || { cat "$root/server.log"; exit 1; }
  sleep 0.5
done
for answer in first second; do
  inside cascade generate "--server=$(cat "$root/address")" --seed=7 --max_new_tokens=30 'Once upon a time' \
    > "$root/$answer" 2> /dev/null
done
cat "$root/first"
[ -s "$root/first" ] || die 'no text'
cmp "$root/first" "$root/second" || die 'the same request gave other text'
kill "$server"
wait "$server" || die "the server ended with $?"
server=

step 'cascade check on the installed model'
inside cascade check /usr/share/cascade/models/tales-7m > "$root/check" || { cat "$root/check"; exit 1; }
tail -n 3 "$root/check"

step 'remove, then purge'
inside apt-get -qq remove -y cascade >> "$root/apt.log" 2>&1 || { cat "$root/apt.log"; exit 1; }
[ ! -e "$root/usr/bin/cascade-server" ] || die 'the program is still there'
[ -e "$root/etc/cascade/cascade-server.flags" ] || die "the administrator's settings went with it"
inside apt-get -qq purge -y cascade >> "$root/apt.log" 2>&1 || { cat "$root/apt.log"; exit 1; }
[ ! -e "$root/etc/cascade" ] || die 'the settings are still there'
step 'deb_test: all well'
