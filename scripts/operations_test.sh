#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the commands of deploy/README.md, as they stand and in their order: the blocks that are marked "```sh test".
# On Debian with the packages openssl, curl and prometheus, and nobody on the ports that the page names.
#
#   operations_test.sh BIN    the folder of cascade-server and cascade
set -eu
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
mkdir "$work/build"
ln -s "$bin" "$work/build/bin"
ln -s "$root/deploy" "$work/deploy"

{
  # Whatever happens, nothing that it starts stays.
  # shellcheck disable=SC2016  # the commands' own dollars
  echo 'trap "kill \$(jobs -p) 2> /dev/null || true; wait" EXIT'
  awk '/^```sh test/ { on = 1; next } /^```/ { on = 0 } on' "$root/deploy/README.md"
} > "$work/commands"
status=0
(cd "$work" && timeout 300 bash -eu ./commands) || status=$?
[ "$status" -eq 0 ] || { echo "operations_test: ended with $status; see $work" >&2; exit "$status"; }
rm -rf "$work"
echo '== operations_test: all well'
