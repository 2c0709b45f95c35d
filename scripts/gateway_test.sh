#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A real SMG gateway in front of two real servers, as deploy/gateway/serve.sh sets them up: OpenAI's completions
# over HTTP, streamed and not, chat, routing by the prefix cache's events, a replica that is killed. A gateway with
# the arguments of the Kubernetes component, which finds a pod. And the definitions of vllm.grpc.engine beside the
# published ones. Needs curl, protoc and pip.
#
#   gateway_test.sh BIN VENV    the folder of cascade-server and cascade; a Python environment, made if missing
set -eu
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$2/bin/smg" ] || {
  python3 -m venv "$2"
  "$2/bin/pip" install --quiet --requirement "$root/deploy/gateway/requirements.txt"
}
venv=$(cd "$2" && pwd)
work=$(mktemp -d)
served=
found=
cleanup() {
  for process in $served $found; do kill "$process" 2> /dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT

step() { printf '== %s\n' "$*"; }
die() { printf 'gateway_test: %s\n' "$*" >&2; tail -n 5 "$work"/log >&2; exit 1; }

# until_true N TEXT COMMAND...: tries it every 0.2 seconds; dies with TEXT after N times in vain.
until_true() {
  tries=$1
  complaint=$2
  shift 2
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || die "$complaint"
    kill -0 "$served" 2> /dev/null || die 'serve.sh has ended'
    sleep 0.2
  done
}

step 'the definitions'
"$venv/bin/python" "$root/tests/interop/vllm_descriptors.py" "$root/proto"

step 'a wrong flag of the replicas'
if CASCADE_BIN=$bin CASCADE_FLAGS=--weights=int3 GATEWAY_VENV=$venv "$root/deploy/gateway/serve.sh" > "$work/log" 2>&1; then
  die 'serve.sh takes it for well'
fi
grep -q -- '--weights=int3: must be one of' "$work/log" || die 'nobody says what is wrong'

step 'two replicas and the gateway'
: > "$work/log"
port=$((20000 + $$ % 10000 * 4))
http=$((port + 2))  # and the metrics' after it
CASCADE_BIN=$bin CASCADE_PORT=$port GATEWAY_PORT=$http GATEWAY_VENV=$venv \
  "$root/deploy/gateway/serve.sh" 2 --log-level info > "$work/log" 2>&1 &
served=$!
logged() { grep -q "$1" "$work/log"; }
until_true 600 'the gateway does not get ready' logged 'serve.sh: 2 replicas at'
ask() {  # PATH JSON: what the gateway answers
  curl --silent --max-time 30 "http://127.0.0.1:$http$1" -H 'content-type: application/json' -d "$2"
}
native() {  # the same of a server, with the flags of a sampled answer
  CASCADE_SERVER="127.0.0.1:$port" "$bin/cascade" generate "$@" --max_new_tokens=24 --seed=7 --temperature=0.8 \
    --top_k=0 --top_p=1
}
answers() { ask /v1/completions '{"model": "tales-7m", "prompt": "x", "max_tokens": 1}' | grep -q '"choices"'; }
until_true 300 'the gateway does not answer' answers
subscribed() { [ "$(grep -c 'KV event stream connected' "$work/log")" -ge "$1" ]; }
until_true 150 'no streams of KV events' subscribed 2

step 'completions: the bytes that a server gives'
prompt='Once upon a time there was a king who had three sons and a daughter, and he lived in a castle by the sea,'
sampled='"max_tokens": 24, "temperature": 0.8, "top_k": -1, "top_p": 1, "seed": 7'
body="\"model\": \"tales-7m\", \"prompt\": \"$prompt\", $sampled"
whole=$(ask /v1/completions "{$body}" | "$venv/bin/python" -c \
  'import json, sys; print(json.load(sys.stdin)["choices"][0]["text"])')
own=$(native "$prompt" 2> /dev/null)
streamed=$(ask /v1/completions "{$body, \"stream\": true}" | "$venv/bin/python" -c '
import json, sys
lines = [line[6:] for line in sys.stdin if line.startswith("data: {")]
print("".join(json.loads(line)["choices"][0]["text"] for line in lines))')
[ "$whole" = "$streamed" ] || die "streamed '$streamed', not '$whole'"
[ "$whole" = "$own" ] || die "the gateway says '$whole', the server '$own'"

step 'several answers, and stop strings'
ask /v1/completions "{$body, \"n\": 2, \"stop\": [\" the\"]}" | "$venv/bin/python" -c '
import json, sys
texts = [choice["text"] for choice in json.load(sys.stdin)["choices"]]
assert len(texts) == 2 and texts[0] != texts[1] and not any(" the" in text for text in texts), texts
whole = sys.argv[1]
assert texts[0] == whole.split(" the")[0], (texts, whole)' "$whole" || die 'not these two answers'

step 'the prefix cache'
ask /v1/completions "{$body}" | grep -q '"cached_tokens":[1-9]' || die 'the prompt was not found'
curl --silent "http://127.0.0.1:$((http + 1))/metrics" > "$work/metrics"
grep -q '^smg_kv_event_blocks_total{.*op="stored"} [1-9]' "$work/metrics" || die 'no block was told'
! grep '^smg_kv_event_missed_batches_total{' "$work/metrics" | grep -qv ' 0$' || die 'events were missed'

step "chat, by the model's own template"
chat=$(ask /v1/chat/completions "{\"model\": \"tales-7m\", $sampled, \"messages\": [
  {\"role\": \"system\", \"content\": \"The King and the Fox\"}, {\"role\": \"user\", \"content\": \"Once\"}]}" |
  "$venv/bin/python" -c 'import json, sys; print(json.load(sys.stdin)["choices"][0]["message"]["content"])')
own=$(printf '<|endoftext|>The King and the Fox\n\nOnce' | native --parse_special_tokens - 2> /dev/null)
[ "$chat" = "$own" ] || die "the gateway says '$chat', the server '$own'"

step 'a replica that is killed'
kill -KILL "$(pgrep -f -- "--listen=127.0.0.1:$port ")"
until_true 150 'the gateway did not subscribe again' subscribed 3
[ "$(ask /v1/completions "{$body}" | grep -c '"choices"')" = 1 ] || die 'no answer after the start'

step 'the end'
kill "$served"
status=0
wait "$served" || status=$?
served=
[ "$status" = 0 ] || die "serve.sh ended with $status"
! pgrep -f -- "--listen=127.0.0.1:$port" > /dev/null || die 'a replica is left'

step 'a gateway that finds the pods'
pod=127.0.0.$((2 + $$ % 250))  # with the port of the manifests
"$venv/bin/python" "$root/tests/interop/kubernetes/pods_api.py" "$work/kubeconfig" team \
  app.kubernetes.io/name=cascade "$pod" 2> "$work/api.log" &
found=$!
"$bin/cascade-server" --model="$root/deploy/models/tales-7m" --listen="$pod:50051" --kv_events > /dev/null 2>> "$work/log" &
found="$found $!"
served=$!  # what until_true expects to run
healthy() { "$bin/cascade" health --server="$pod:50051" > /dev/null 2>&1; }
until_true 300 'no server' healthy
"$venv/bin/python" -c '
import sys, yaml
(deployment,) = yaml.safe_load_all(open(sys.argv[1]))
print(*deployment["spec"]["template"]["spec"]["containers"][0]["args"], sep="\n")' \
  "$root/deploy/kubernetes/components/gateway/gateway.yaml" |
  sed "s/\$(NAMESPACE)/team/; s/--port=8000/--port=$http/" > "$work/arguments"
grep -q "service-discovery-namespace=team" "$work/arguments" || die 'other arguments than this test knows'
# shellcheck disable=SC2046  # one argument a line, none with spaces
KUBECONFIG="$work/kubeconfig" "$venv/bin/smg" launch $(cat "$work/arguments") --host 127.0.0.1 \
  --prometheus-host 127.0.0.1 --prometheus-port $((http + 1)) > "$work/log" 2>&1 &
found="$found $!"
until_true 300 'the gateway has found no pod' answers
grep -q 'pods?.*watch=true' "$work/api.log" || die 'the gateway does not watch the pods'
echo 'gateway_test: passed'
