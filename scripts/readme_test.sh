#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the README's commands, as they stand, against a server with the bundled model.
#
#   readme_test.sh BIN [NEED...]
#
# BIN holds cascade-server and cascade. Tested are the code blocks that are marked: "```sh test",
# "```python test" or "```go test"; one marked "needs=X" too, if X is among NEED (grpcurl, python, go, gateway).
# A block of Go is a file, which its first line names; the block behind it runs it. A block "```text output"
# is all that the block before it printed to standard output.
#
# The blocks say localhost:50051 and build/bin. So that the test disturbs nobody, it runs them in a
# folder where build/bin is BIN, and the server listens elsewhere: cascade hears it from the
# environment, and what else names the address from a copy of the block with the address replaced.
set -eu
bin=$(cd "$1" && pwd)
shift
needs=" $* "
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
# shellcheck source=tests/interop/server.sh
. "$root/tests/interop/server.sh"
trap 'stop_server || true; rm -rf "$work"' EXIT

# Writes each marked block to $work/block-NN.LANGUAGE; its first line names the need, if there is one.
extract() {
  awk -v out="$work/block-" '
    /^```(sh|python|go) test/ {
      need = $0
      if (!sub(/.*needs=/, "", need)) need = ""
      language = $1
      sub(/^```/, "", language)
      file = sprintf("%s%02d.%s", out, ++blocks, language)
      print need > file
      next
    }
    /^```text output/ { file = sprintf("%s%02d.output", out, blocks); next }
    /^```/ { file = "" }
    file { print > file }
  ' "$root/README.md"
}

# Runs $work/block, shows what it printed, and holds it against what the README shows, if that is $expected.
run_commands() {
  status=0
  (cd "$work/folder" && sh -eu "$work/block" > "$work/printed") || status=$?
  cat "$work/printed"
  [ "$status" -eq 0 ] || exit "$status"
  [ ! -e "$expected" ] || diff -u "$expected" "$work/printed" || {
    echo 'the README shows another output'
    exit 1
  }
}

# run FILE: one block, or says that it is left out.
run() {
  need=$(sed -n 1p "$1")
  if [ -n "$need" ] && [ "${needs#* "$need" }" = "$needs" ]; then
    echo "== ${1##*/} is left out: it needs $need"
    return
  fi
  sed "1d; s/localhost:50051/$CASCADE_SERVER/g" "$1" > "$work/block"
  printf '== %s\n' "${1##*/}"
  sed 1d "$1"
  expected=${1%.*}.output
  case $1 in
    *.sh) run_commands ;;
    *.go) cp "$work/block" "$work/folder/$(sed -n '1s|^// ||p' "$work/block")" ;;
    *.python) (cd "$work/folder" && PYTHONPATH=build/python python3 "$work/block") ;;
  esac
}

mkdir -p "$work/folder/build"
ln -s "$bin" "$work/folder/build/bin"
ln -s "$root/deploy" "$root/proto" "$root/tools" "$work/folder"

extract
start_server
tested=0
for block in "$work"/block-*; do
  case $block in *.output) continue ;; esac
  run "$block"
  tested=$((tested + 1))
done
[ "$tested" -gt 0 ] || { echo 'the README has no marked block'; exit 1; }

stop_server
echo "readme_test: $tested blocks, all well"
