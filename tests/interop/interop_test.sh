#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A small client in each of several languages (programs/README.md) beside real servers. All must print the
# same, and the text that they stream must be what the cascade client prints.
#
#   interop_test.sh BIN FOLDER [PROGRAM...]    BIN: of cascade-server and cascade. FOLDER: keeps what the programs
#                                              are built of and built to, for the next run. All, if none is named
#
# A program whose toolchain is not here is left out, and the test says so. With OFFLINE=true nothing is fetched,
# and a program whose packages are not in FOLDER yet is left out too. Ends with 77, which ctest takes for
# skipped, if all are left out.
set -eu
bin=$(cd "$1" && pwd)
mkdir -p "$2"
folder=$(cd "$2" && pwd)
shift 2
[ $# -gt 0 ] || set -- cpp python/sync.py python/aio.py go node java rust ruby
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
export CASCADE_BIN="$bin" CASCADE_PROTO="$root/proto"
# shellcheck source=tests/interop/server.sh
. "$here/server.sh"

cleanup() {
  stop_server || true
  [ -z "${main:-}" ] || kill "$main" 2> /dev/null || true  # the one just stopped, if no other was started
  wait
  rm -rf "$work"
}
trap cleanup EXIT
start_server
main=$server address=$CASCADE_SERVER

# How many requests the server has finished: neither those that were cancelled nor those whose deadline passed.
finished() {
  "$bin/cascade" status --server="$address" | sed -n 's/^in all *\([0-9]*\) requests;.*/\1/p'
}

{
  echo 'health: SERVING'
  printf 'text: '
  "$bin/cascade" generate --seed=7 --max_new_tokens=40 --regex='“[A-Za-z ,.!?]{5,60}” [A-Za-z ,.]*' \
    'The old king said:' 2> "$work/cascade.log"
  echo 'cancelled: after 3 deltas; the server runs nothing'
  echo 'deadline: DEADLINE_EXCEEDED'
  echo 'refused: INVALID_ARGUMENT sampling.temperature sampling.top_p'
  echo 'retried: a server of 2 places has answered 4 calls'
  echo 'finished: 2 answers'  # the one that was streamed, and the same in one message
} > "$work/expected"
cat "$work/expected"

# One place to run and one to wait: a third call is refused.
server_flags='--max_running=1 --max_queued=1'
passed=0 failed=0 left_out=0
for program in "$@"; do
  language=${program%%/*}
  # New for each program: a server that has finished no call yet tells those that it refuses to come again in a
  # second, when there is room for sure.
  start_server
  started=$(date +%s)
  status=0
  mkdir -p "$folder/$language"
  before=$(finished)
  # A hang must end; the slowest is a first build of the Rust packages, in minutes.
  PROGRAM=${program#*/} timeout 1200 sh "$here/programs/$language/run.sh" "$folder/$language" "$address" "$CASCADE_SERVER" \
    "$root/deploy/service_config.json" > "$work/told" 2> "$work/log" || status=$?
  seconds=$(($(date +%s) - started))
  echo "finished: $(($(finished) - before)) answers" >> "$work/told"
  stop_server
  if [ "$status" = 77 ]; then
    echo "-- $program: left out, since $(tail -n 1 "$work/log")"
    left_out=$((left_out + 1))
  elif [ "$status" = 0 ] && cmp -s "$work/expected" "$work/told"; then
    echo "-- $program: the same, in $seconds seconds"
    passed=$((passed + 1))
  else
    echo "-- $program: FAILED, with status $status, in $seconds seconds"
    cat "$work/log"
    diff "$work/expected" "$work/told" || true
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed, $left_out skipped"
[ "$failed" = 0 ] || exit 1
[ "$passed" -gt 0 ] || exit 77
