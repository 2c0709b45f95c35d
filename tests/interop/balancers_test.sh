#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deploy/balancers and deploy/service_config.json with real servers.
#
#   balancers_test.sh BIN VENV    the folder of the programs; where scripts/install_clients.sh was
#
# Needs a Python with grpcio-tools, nginx (Debian's nginx-core) and haproxy; says what it leaves out, and ends
# with 77, which ctest takes for skipped, if that is everything.
set -eu
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
PATH="$2/bin:$PATH:/usr/sbin"
python3 -c 'import grpc_tools' 2> /dev/null || {
  echo 'balancers_test: left out, since no Python has grpcio-tools (scripts/install_clients.sh build/clients)'
  exit 77
}
work=$(mktemp -d)
a='' b='' small='' balancer=''
cleanup() {
  for process in $a $b $small $balancer; do kill -9 "$process" 2> /dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT
python3 "$root/clients/python/generate_stubs.py" "$work/stubs"
export PYTHONPATH="$root/clients/python/src:$work/stubs" PYTHONDONTWRITEBYTECODE=1 GRPC_VERBOSITY=error

# start NAME [ADDRESS [FLAG...]]: a replica, whose address is then in $work/NAME, and its process in $started. A
# server prints its address only if it chose the port.
start() {
  name=$1
  address=${2:-}
  [ $# -lt 2 ] || shift
  shift
  printf %s "$address" > "$work/$name"
  "$bin/cascade-server" --model="$root/deploy/models/tales-7m" --listen="${address:-127.0.0.1:0}" "$@" \
    >> "$work/$name" 2> "$work/$name.log" &
  started=$!
  until [ -s "$work/$name" ] && "$bin/cascade" health --server="$(cat "$work/$name")" > /dev/null 2>&1; do
    kill -0 "$started" 2> /dev/null || { cat "$work/$name.log"; exit 1; }
    sleep 0.1
  done
}

# configured FILE LISTEN BY: the configuration with our replicas, and our socket in the place of the port.
configured() {
  sed "s|127.0.0.1:50051|$(cat "$work/a")|; s|127.0.0.1:50052|$(cat "$work/b")|; s|$2|$3|" \
    "$root/deploy/balancers/$1"
}

start_nginx() {
  {
    echo "daemon off; pid $work/nginx.pid; error_log $work/balancer.log; events {} http {"
    echo "client_body_temp_path $work/body;"
    configured nginx.conf 'listen 50050 http2' "listen unix:$work/socket http2"
    echo "}"
  } > "$work/nginx.conf"
  nginx -p "$work" -c "$work/nginx.conf" 2> "$work/balancer.log" &
  balancer=$!
}

start_haproxy() {
  configured haproxy.cfg 'bind :50050' "bind unix@$work/socket" > "$work/haproxy.cfg"
  haproxy -db -f "$work/haproxy.cfg" 2> "$work/balancer.log" &
  balancer=$!
}

# streams_unbuffered: the first event comes through while the answer is far from its end. It is, because a
# pipe that nobody reads stops the client, and so the server.
streams_unbuffered() {
  mkfifo "$work/pipe"
  "$bin/cascade" generate --server="unix:$work/socket" --json --logprobs --candidates=20 --ignore_eos \
    --max_new_tokens=1000 Once > "$work/pipe" 2> "$work/reader.log" &
  reader=$!
  exec 3< "$work/pipe"
  read -r first <&3
  case $first in *prompt*) ;; *) echo "the first event: $first"; exit 1 ;; esac
  running=0
  for replica in a b; do
    ! "$bin/cascade" status --server="$(cat "$work/$replica")" | grep -q '^running  *1 ' || running=1
  done
  [ "$running" = 1 ] || { echo 'the answer was made before its first event came through'; exit 1; }
  # A client that leaves cancels its call.
  kill "$reader"
  exec 3<&-
  wait "$reader" || true
  for replica in a b; do
    until "$bin/cascade" status --server="$(cat "$work/$replica")" | grep -q '^running  *0 '; do sleep 0.1; done
  done
  rm "$work/pipe"
}

# behind BALANCER: both replicas end, one after the other, under load.
behind() {
  command -v "$1" > /dev/null || { echo "balancers_test: $1 is not installed; left out"; return 0; }
  echo "== $1"
  start a; a=$started
  start b; b=$started
  "start_$1"
  until "$bin/cascade" health --server="unix:$work/socket" > /dev/null 2>&1; do
    kill -0 "$balancer" 2> /dev/null || { cat "$work/balancer.log"; exit 1; }
    sleep 0.1
  done
  streams_unbuffered
  python3 "$root/tests/interop/balancers_load.py" "unix:$work/socket" "$a" "$(cat "$work/a")" SIGTERM
  wait "$a"
  start a "$(cat "$work/a")"; a=$started
  python3 "$root/tests/interop/balancers_load.py" "unix:$work/socket" "$b" "$(cat "$work/b")" SIGKILL
  kill "$a" "$balancer"
  wait "$a" "$balancer" || true
  a='' b='' balancer=''
  rm -f "$work/socket"
}

behind nginx
behind haproxy
start a; a=$started
start b; b=$started
start small '' --max_running=1 --max_queued=1; small=$started
python3 "$root/tests/interop/service_config_check.py" "$root/deploy/service_config.json" "$a" \
  "$(cat "$work/a")" "$(cat "$work/b")" "$(cat "$work/small")"
echo 'balancers_test: all well'
