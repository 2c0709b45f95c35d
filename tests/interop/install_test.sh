#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# `cmake --install` into an empty folder, and both programs run from there: install_test.sh BUILD. The server
# runs as the installed systemd unit says, with nothing but the installed files.
set -eu
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$work"' EXIT

die() {
  printf 'FAILED: %s\n' "$*"
  exit 1
}

prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" > "$work/log" || { cat "$work/log"; exit 1; }
unit=$prefix/lib/systemd/system/cascade-server.service
for file in bin/cascade-server bin/cascade share/cascade/models/tales-7m/model.safetensors \
            share/doc/cascade/copyright share/doc/cascade/LICENSE share/doc/cascade/NOTICE share/doc/cascade/README.md \
            share/man/man1/cascade.1 share/man/man1/cascade-server.1 \
            share/bash-completion/completions/cascade share/zsh/site-functions/_cascade \
            share/fish/vendor_completions.d/cascade.fish share/doc/cascade/CHANGELOG.md etc/cascade/cascade-server.flags lib/systemd/system/cascade-server.service; do
  [ -s "$prefix/$file" ] || die "no $file"
done

# The manual says what --help says, and nothing that a formatter would complain of.
if command -v groff > /dev/null; then
  for program in cascade-server cascade; do
    groff -man -Tascii -ww "$prefix/share/man/man1/$program.1" > "$work/manual" 2> "$work/complaints"
    [ ! -s "$work/complaints" ] || { cat "$work/complaints"; die "the manual page of $program"; }
    grep -qE "tls_cert|max_new_tokens" "$work/manual" || die "no flag in $program's manual"
  done
fi

# What is installed names the prefix, not the folders that it was built from and in.
if grep -nE "@[a-z]+@|$root/deploy|$build" "$unit"; then die 'the unit names no installed file'; fi
for program in cascade-server cascade; do
  if grep -aqF "$root/deploy" "$prefix/bin/$program"; then die "$program names the source tree"; fi
done
grep -q '^RestartPreventExitStatus=2$' "$unit" || die 'a server with a wrong flag would be started for ever'
if command -v systemd-analyze > /dev/null; then
  systemd-analyze verify "$unit" > "$work/verify" 2>&1 || { cat "$work/verify"; die 'systemd refuses the unit'; }
fi

# The flags of the file go before the unit's own, and an installation leaves a changed file alone.
echo '--model_name=installed' >> "$prefix/etc/cascade/cascade-server.flags"
cmake --install "$build" --prefix "$prefix" > "$work/log" || { cat "$work/log"; exit 1; }
grep -q installed "$prefix/etc/cascade/cascade-server.flags" || die 'a second installation lost the settings'

# shellcheck disable=SC2046  # a command line of words
set -- $(sed -n 's/^ExecStart=//p' "$unit") --listen=127.0.0.1:0
cd /
env -i "$@" > "$work/address" 2> "$work/server.log" &
server=$!
until [ -s "$work/address" ]; do
  kill -0 "$server" 2> /dev/null || { cat "$work/server.log"; die 'the server ended'; }
  sleep 0.1
done
CASCADE_SERVER=$(cat "$work/address")
export CASCADE_SERVER
until "$prefix/bin/cascade" health > "$work/health" 2>&1; do
  kill -0 "$server" 2> /dev/null || { cat "$work/server.log"; die 'the server ended'; }
  sleep 0.1
done
"$prefix/bin/cascade" model > "$work/model"
grep -q installed "$work/model" || { cat "$work/model"; die 'the server did not read its file of flags'; }
"$prefix/bin/cascade" generate --seed=7 --max_new_tokens=20 'Once upon a time' > "$work/text" 2> "$work/end"
[ -s "$work/text" ] || { cat "$work/end"; die 'no text'; }
"$prefix/bin/cascade" check "$prefix/share/cascade/models/tales-7m" > "$work/check" ||
  { cat "$work/check"; die 'the model does not pass its own checkpoints'; }

kill "$server"
status=0
wait "$server" || status=$?
server=
[ "$status" -eq 0 ] || die "the server ended with $status"
