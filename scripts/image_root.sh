#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes the root of the container image: a folder with the programs, the shared libraries that they load, and
# nothing else: no shell, no package manager. For each library its package's copyright, and its package's
# entry in var/lib/dpkg/status.d, where scanners for known flaws and makers of bills of materials look. On the
# Debian where the programs were built, which need not be able to run them.
#
#   image_root.sh INSTALLED ROOT    INSTALLED is a prefix of `cmake --install`; ROOT must not exist
set -eu
installed=$1
root=$2
[ ! -e "$root" ] || { echo "image_root: $root exists" >&2; exit 2; }

mkdir -p "$root/etc/ssl/certs" "$root/usr/lib" "$root/usr/bin" "$root/tmp" "$root/var/lib/dpkg/status.d"
chmod 1777 "$root/tmp"
# As in Debian since it merged the two.
for folder in bin lib lib64; do ln -s "usr/${folder%64}" "$root/$folder"; done
cp "$installed"/bin/cascade-server "$installed"/bin/cascade "$root/usr/bin/"
mkdir -p "$root/usr/share/doc"
cp -R "$installed/share/doc/." "$root/usr/share/doc/"

# take FILE: copies it with the name that it is loaded by, and says which package it is of.
take() {
  file=$(readlink -f "$1")
  mkdir -p "$root/usr/lib/$triplet"
  cp "$file" "$root/usr/lib/$triplet/$(basename "$1")"
  # dpkg knows a file by the path that its package has, with or without the /usr of today.
  dpkg-query -S "$file" 2> /dev/null || dpkg-query -S "${file#/usr}"
}

case $(readelf -h "$root/usr/bin/cascade-server") in
  *X86-64*) triplet=x86_64-linux-gnu ;;
  *AArch64*) triplet=aarch64-linux-gnu ;;
  *) echo 'image_root: not a program for x86-64 or arm64' >&2; exit 1 ;;
esac

# What the programs need, and what that needs, and so on. `ldd` would run them.
: > "$root.libraries"
printf '%s\n' "$root/usr/bin/cascade-server" "$root/usr/bin/cascade" > "$root.todo"
while [ -s "$root.todo" ]; do
  xargs readelf -d < "$root.todo" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u > "$root.names"
  : > "$root.todo"
  while read -r name; do
    library=$(ls "/usr/lib/$triplet/$name")
    grep -qxF "$library" "$root.libraries" || echo "$library" | tee -a "$root.libraries" >> "$root.todo"
  done < "$root.names"
done
while read -r library; do take "$library"; done < "$root.libraries" | sed 's/: .*//' | sort -u > "$root.packages"
loader=$(readelf -l "$root/usr/bin/cascade-server" | sed -n 's/.*program interpreter: \(.*\)\]/\1/p')
[ -e "$root$loader" ] || ln -s "$triplet/$(basename "$loader")" "$root$loader"

# The authorities that the server trusts as a client, of a collector with TLS.
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
echo ca-certificates >> "$root.packages"
while read -r package; do
  name=${package%%:*}
  dpkg-query -s "$package" > "$root/var/lib/dpkg/status.d/$name"
  mkdir -p "$root/usr/share/doc/$name"
  cp "/usr/share/doc/$name/copyright" "$root/usr/share/doc/$name/"
done < "$root.packages"

cp /etc/os-release "$root/etc/"
echo 'cascade:x:10001:10001::/:/sbin/nologin' > "$root/etc/passwd"
echo 'cascade:x:10001:' > "$root/etc/group"
echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
rm "$root.libraries" "$root.packages" "$root.todo" "$root.names"
