#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tasks of tools/eval on a server with the bundled model, twice: the results must be the same, and
# better than chance. Needs the network, for pip, and 8 GB of disk, which the harness's PyTorch takes.
#
#   eval_test.sh BIN VENV    the folder of cascade-server and cascade; where the Python is, or is made
set -eu
bin=$(cd "$1" && pwd)
mkdir -p "$2"
venv=$(cd "$2" && pwd)
cd "$(dirname "$0")/.."
work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2> /dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT

if ! "$venv/bin/python" -c 'import grpc_tools, lm_eval' 2> /dev/null; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet -r tools/eval/requirements.txt
fi
mkdir -p build/python
"$venv/bin/python" -m grpc_tools.protoc -I proto --python_out=build/python --grpc_python_out=build/python \
  cascade/v1/text_generation.proto

"$bin/cascade-server" --model=deploy/models/tales-7m --listen=127.0.0.1:0 > "$work/address" 2> "$work/log" &
server=$!
until [ -s "$work/address" ] && "$bin/cascade" health "--server=$(cat "$work/address")" > /dev/null 2>&1; do
  kill -0 "$server" 2> /dev/null || { cat "$work/log"; exit 1; }
  sleep 0.1
done
for run in 1 2; do
  HF_HUB_OFFLINE=1 "$venv/bin/python" tools/eval/run.py "--server=$(cat "$work/address")" \
    --tasks=tales_endings,tales_words,tales_next_word > "$work/run$run" 2> "$work/errors" ||
    { cat "$work/errors"; exit 1; }
done
cat "$work/run1"
cmp "$work/run1" "$work/run2"
# Three endings: a third of them by chance.
awk -F'|' '$2 ~ /tales_endings/ { found = 1; if ($8 + 0 < 0.6) exit 1 } END { exit !found }' "$work/run1" ||
  { echo 'eval_test: the likeliest ending is the right one in less than six of ten'; exit 1; }
echo 'eval_test: all well'
