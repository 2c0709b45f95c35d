#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The traces of a real server in a real OpenTelemetry collector, built from tests/interop/otelcol. Needs go and
# curl, and grpcurl from install_clients.sh.
#
#   traces_test.sh BIN CLIENTS    the folders of cascade-server and cascade, and of install_clients.sh
set -eu
bin=$(cd "$1" && pwd)
clients=$(cd "$2/bin" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
server=
collector=
cleanup() {
  [ -z "$collector" ] || kill -CONT "$collector" 2> /dev/null || true
  for process in $server $collector; do kill "$process" 2> /dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT

step() { printf '== %s\n' "$*"; }
die() { printf 'traces_test: %s\n' "$*" >&2; exit 1; }

# collect RECEIVER: starts a collector, whose receiver has these settings of YAML beside its endpoint.
collect() {
  cat > "$work/collector.yaml" << END
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:$port"$1}}}}
exporters: {debug: {verbosity: detailed}}
service:
  pipelines: {traces: {receivers: [otlp], exporters: [debug]}}
  telemetry: {metrics: {level: none}}
END
  "$clients/otelcol" "--config=$work/collector.yaml" > "$work/collector.log" 2>&1 &
  collector=$!
  until grep -qs 'Everything is ready' "$work/collector.log"; do
    kill -0 "$collector" 2> /dev/null || { cat "$work/collector.log"; exit 1; }
    sleep 0.1
  done
}

end_collector() {
  kill "$collector"
  wait "$collector" || true
  collector=
}

# serve SCHEME: sets CASCADE_SERVER and $metrics.
serve() {
  "$bin/cascade-server" --model="$root/deploy/models/tales-7m" --listen=127.0.0.1:0 \
    --metrics_address=127.0.0.1:0 "--otlp_endpoint=$1://localhost:$port" \
    > "$work/addresses" 2> "$work/server.log" &
  server=$!
  until [ "$(wc -l < "$work/addresses")" -eq 2 ] && "$bin/cascade" health > /dev/null 2>&1; do
    kill -0 "$server" 2> /dev/null || { cat "$work/server.log"; exit 1; }
    sleep 0.1
    CASCADE_SERVER=$(sed -n 1p "$work/addresses")
    export CASCADE_SERVER
  done
  metrics=$(sed -n 2p "$work/addresses")
}

# A stop of the server must end with 0.
end_server() {
  kill "$server"
  wait "$server" || die "the server ended with $?"
  server=
}

count() { curl -sf "http://$metrics/metrics" | sed -n "s/^cascade_trace_spans_$1_total //p"; }

# has TEXT: the collector printed it.
has() { grep -qF -- "$1" "$work/collector.log" || { cat "$work/collector.log"; die "the collector lacks: $1"; }; }

step 'a collector'
go build -C "$root/tests/interop/otelcol" -o "$clients/otelcol" .
port=$((20000 + $$ % 20000))
collect ''

step 'a call in a trace of its client, and one without'
serve http
"$clients/grpcurl" -plaintext -H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' \
  -d '{"text": "Once upon a time", "request_id": "traced", "stopping": {"max_new_tokens": 12, "ignore_eos": true}}' \
  "$CASCADE_SERVER" cascade.v1.TextGeneration/Generate > /dev/null
"$bin/cascade" tokenize 'Once upon a time' > /dev/null
end_server
has 'Trace ID       : 4bf92f3577b34da6a3ce929d0e0e4736'
has 'Parent ID      : 00f067aa0ba902b7'
has 'Name           : cascade.v1.TextGeneration/Generate'
has 'Name           : cascade.v1.TextGeneration/Tokenize'
for name in 'text_completion tales-7m' queue prefill decode; do has "Name           : $name"; done
has '-> service.name: Str(cascade)'
has '-> gen_ai.response.id: Str(traced)'
has '-> gen_ai.usage.output_tokens: Int(12)'
grep -E '^    (Trace ID|Parent ID|ID|Name)|gen_ai.usage|Duration' "$work/collector.log" | head -n 40

step 'a collector that hangs: calls are answered, the server ends'
serve http
kill -STOP "$collector"
"$bin/cascade" bench --concurrency=8 --requests=40 --output_tokens=4 > "$work/bench"
end_server
grep -q 'the collector does not take spans' "$work/server.log" || die 'the log does not say that spans are lost'
kill -CONT "$collector"

step 'a collector that comes late gets what waited'
end_collector
serve http
"$bin/cascade" bench --concurrency=1 --requests=4 --output_tokens=4 > "$work/bench"
collect ''
# Four generations of five spans; the bench's other calls have one each.
until [ "$(count exported)" -ge 20 ]; do
  kill -0 "$server" 2> /dev/null || { cat "$work/server.log"; exit 1; }
  sleep 0.2
done
[ "$(count dropped)" = 0 ] || die "$(count dropped) spans were dropped"
end_server
end_collector

step 'a collector with TLS'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj '/CN=collector' \
  -addext 'subjectAltName=DNS:localhost' -keyout "$work/key.pem" -out "$work/cert.pem" 2> /dev/null
collect ", tls: {cert_file: \"$work/cert.pem\", key_file: \"$work/key.pem\"}"
GRPC_DEFAULT_SSL_ROOTS_FILE_PATH="$work/cert.pem" serve https
"$bin/cascade" generate --max_new_tokens=2 'Once upon a time' > /dev/null
end_server
has 'Name           : cascade.v1.TextGeneration/GenerateStream'
step 'traces_test: all well'
