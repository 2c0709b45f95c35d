#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Replicas on this machine, and the SMG gateway in front of them: OpenAI's HTTP API.
#
#   serve.sh [REPLICAS] [FLAG OF smg launch...]    two replicas if not told
#
# A replica that was killed or stopped is started again; one that cannot start, as for a wrong flag, ends all.
# Ctrl-C or SIGTERM drains the replicas. From the environment:
#   CASCADE_BIN      the folder of cascade-server and cascade, instead of build/bin
#   CASCADE_MODEL    the model's folder, instead of the bundled one
#   CASCADE_FLAGS    more flags of cascade-server, such as --weights=int8
#   CASCADE_PORT     the first replica's port, 50061; the next ones' follow
#   GATEWAY_PORT     the gateway's, 8000; that of its metrics follows
#   GATEWAY_VENV     a Python environment with smg, instead of build/gateway; made if missing
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${CASCADE_BIN:-$root/build/bin}
model=${CASCADE_MODEL:-$root/deploy/models/tales-7m}
first_port=${CASCADE_PORT:-50061}
http_port=${GATEWAY_PORT:-8000}
venv=${GATEWAY_VENV:-$root/build/gateway}
flags=${CASCADE_FLAGS:-}
unset CASCADE_BIN CASCADE_FLAGS CASCADE_PORT  # which cascade-server would take for misspelled flags

die() { printf 'serve.sh: %s\n' "$*" >&2; exit 1; }

replicas=2
case "${1:-}" in
  '' | -*) ;;
  *[!0-9]* | 0*) die "the number of replicas is '$1', not a number from 1 on" ;;
  *) replicas=$1; shift ;;
esac
[ -x "$bin/cascade-server" ] || die "no cascade-server in $bin: run make build, or set CASCADE_BIN"
if [ ! -x "$venv/bin/smg" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --requirement "$root/deploy/gateway/requirements.txt"
fi

gateway=
children=
cleanup() {
  trap '' TERM INT
  [ -z "$gateway" ] || kill "$gateway" 2> /dev/null || true
  [ -z "$gateway" ] || wait "$gateway" || true  # it ends what it has begun, for which it needs the replicas
  for child in $children; do kill "$child" 2> /dev/null || true; done
  wait
}
trap cleanup EXIT
trap 'exit 0' INT TERM
trap 'exit 1' USR1  # from a replica that cannot start

# Keeps a server at PORT. Its own trap, since the shell that runs it in the background has none.
replica() {
  server=
  trap 'kill "$server" 2> /dev/null; wait "$server"; exit 0' TERM
  trap '' INT  # a Ctrl-C reaches all; the script's end tells the replicas in turn
  while :; do
    # shellcheck disable=SC2086  # several flags
    "$bin/cascade-server" --model="$model" --listen="127.0.0.1:$1" --kv_events $flags > /dev/null &
    server=$!
    status=0
    wait "$server" || status=$?
    if [ "$status" -gt 0 ] && [ "$status" -lt 128 ]; then
      printf 'serve.sh: the replica at port %s cannot start\n' "$1" >&2
      kill -USR1 $$
      exit
    fi
    printf 'serve.sh: the replica at port %s has ended; it is started again\n' "$1" >&2
  done
}

workers=
i=0
while [ "$i" -lt "$replicas" ]; do
  port=$((first_port + i))
  replica "$port" &
  children="$children $!"
  workers="$workers grpc://127.0.0.1:$port"
  until "$bin/cascade" health --server="127.0.0.1:$port" > /dev/null 2>&1; do
    kill -0 "$!" 2> /dev/null || die "no replica at port $port"
    sleep 0.2
  done
  i=$((i + 1))
done

# shellcheck disable=SC2086  # several addresses
"$venv/bin/smg" launch --worker-urls $workers --policy cache_aware --worker-startup-check-interval 2 \
  --host 127.0.0.1 --port "$http_port" --prometheus-host 127.0.0.1 --prometheus-port $((http_port + 1)) \
  --log-level warn "$@" &
gateway=$!
until curl --silent --fail --output /dev/null "http://127.0.0.1:$http_port/readiness"; do
  kill -0 "$gateway" 2> /dev/null || die 'the gateway has ended'
  sleep 0.2
done
printf 'serve.sh: %s replicas at http://127.0.0.1:%s/v1; its metrics at http://127.0.0.1:%s/metrics\n' \
  "$replicas" "$http_port" $((http_port + 1)) >&2
wait "$gateway"
