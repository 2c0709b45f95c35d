#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real SMG gateway in front of a real server: OpenAI's completions over HTTP, streamed and not, chat, routing by
# the prefix cache's events. And the definitions of vllm.grpc.engine beside the published ones. Needs curl, protoc
# and pip.
#
#   gateway_test.sh BIN VENV    the folder of cascade-server and cascade; a Python environment, made if missing
set -eu
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$2/bin/smg" ] || {
  python3 -m venv "$2"
  "$2/bin/pip" install --quiet smg==1.13.0 smg-grpc-proto==0.4.28 tokenizers
}
venv=$(cd "$2" && pwd)
work=$(mktemp -d)
server=
gateway=
cleanup() {
  for process in $gateway $server; do kill "$process" 2> /dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT

step() { printf '== %s\n' "$*"; }
die() { printf 'gateway_test: %s\n' "$*" >&2; tail -n 5 "$work"/*.log >&2; exit 1; }
free_port() { "$venv/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

step 'the definitions'
"$venv/bin/python" "$root/tests/interop/vllm_descriptors.py" "$root/proto"

# The bundled model has no chat template; one that only puts the messages together makes chat answer.
cp -r "$root/deploy/models/tales-7m" "$work/tales-7m"
printf '%s' '{"tokenizer_class": "GPT2Tokenizer", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
"chat_template": "{% for message in messages %}{{ message.content }}\n\n{% endfor %}"}' \
  > "$work/tales-7m/tokenizer_config.json"

# serve PORT: starts a server there, and returns when it serves.
serve() {
  "$bin/cascade-server" --model="$work/tales-7m" --listen="127.0.0.1:$1" --kv_events > /dev/null 2> "$work/server.log" &
  server=$!
  until CASCADE_SERVER="127.0.0.1:$1" "$bin/cascade" health > /dev/null 2>&1; do
    kill -0 "$server" 2> /dev/null || die 'the server ended'
    sleep 0.1
  done
}

step 'the gateway takes the worker'
worker=$(free_port)
serve "$worker"
http=$(free_port)
metrics=$(free_port)
"$venv/bin/smg" launch --worker-urls "grpc://localhost:$worker" --policy cache_aware --host 127.0.0.1 \
  --port "$http" --prometheus-host 127.0.0.1 --prometheus-port "$metrics" > "$work/gateway.log" 2>&1 &
gateway=$!
ask() {  # PATH JSON: what the gateway answers
  curl --silent --max-time 30 "http://127.0.0.1:$http$1" -H 'content-type: application/json' -d "$2"
}
tries=0
until ask /v1/completions '{"model": "tales-7m", "prompt": "x", "max_tokens": 1}' | grep -q '"choices"'; do
  tries=$((tries + 1))
  [ "$tries" -lt 300 ] || die 'the gateway does not answer'
  kill -0 "$gateway" || die 'the gateway ended'
  sleep 0.2
done
grep -q 'KV event stream connected' "$work/gateway.log" || die 'no stream of KV events'

step 'completions'
prompt='Once upon a time there was a king who had three sons and a daughter, and he lived in a castle by the sea,'
body="\"model\": \"tales-7m\", \"prompt\": \"$prompt\", \"max_tokens\": 24, \"temperature\": 0"
whole=$(ask /v1/completions "{$body}" | "$venv/bin/python" -c \
  'import json, sys; print(json.load(sys.stdin)["choices"][0]["text"])')
own=$(CASCADE_SERVER="127.0.0.1:$worker" "$bin/cascade" generate "$prompt" --max_new_tokens=24 \
  --temperature=0)
streamed=$(ask /v1/completions "{$body, \"stream\": true}" | "$venv/bin/python" -c '
import json, sys
lines = [line[6:] for line in sys.stdin if line.startswith("data: {")]
print("".join(json.loads(line)["choices"][0]["text"] for line in lines))')
[ "$whole" = "$streamed" ] || die "streamed '$streamed', not '$whole'"
case "$own" in *"$whole"*) ;; *) die "the gateway says '$whole', the server '$own'" ;; esac

step 'the prefix cache'
ask /v1/completions "{$body}" | grep -q '"cached_tokens":[1-9]' || die 'the prompt was not found'
curl --silent "http://127.0.0.1:$metrics/metrics" > "$work/metrics"
grep -q '^smg_kv_event_blocks_total{.*op="stored"} [1-9]' "$work/metrics" || die 'no block was told'
grep -q '^smg_kv_event_missed_batches_total{.*} 0$' "$work/metrics" || die 'events were missed'

step 'chat'
chat='{"model": "tales-7m", "messages": [{"role": "user", "content": "Once"}], "max_tokens": 4}'
ask /v1/chat/completions "$chat" | grep -q '"role":"assistant"' || die 'no chat'

step 'a server that is started again'
kill "$server"
wait "$server" || true
serve "$worker"
tries=0
until [ "$(grep -c 'KV event stream connected' "$work/gateway.log")" -ge 2 ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 150 ] || die 'the gateway did not subscribe again'
  sleep 0.2
done
ask /v1/completions "{$body}" | grep -q '"choices"' || die 'no answer after the start'
echo 'gateway_test: passed'
