#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The metrics, the alerts and the dashboard on a real server that a real Prometheus scrapes. Needs Debian's
# package prometheus (with promtool), curl and python3.
#
#   prometheus_test.sh BIN    the folder of cascade-server and cascade
set -eu
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
server=
prometheus=
cleanup() {
  for process in $prometheus $server; do kill "$process" 2> /dev/null || true; done
  wait
  rm -rf "$work"
}
trap cleanup EXIT

step() { printf '== %s\n' "$*"; }
die() { printf 'prometheus_test: %s\n' "$*" >&2; exit 1; }

step 'alerts: syntax, and when they fire'
promtool check rules "$root/deploy/prometheus/alerts.yaml"
promtool test rules "$root/deploy/prometheus/alerts_test.yaml"

step 'a server'
"$bin/cascade-server" --model="$root/deploy/models/tales-7m" --listen=127.0.0.1:0 \
  --metrics_address=127.0.0.1:0 > "$work/addresses" 2> "$work/server.log" &
server=$!
until [ "$(wc -l < "$work/addresses")" -eq 2 ]; do
  kill -0 "$server" 2> /dev/null || { cat "$work/server.log"; exit 1; }
  sleep 0.1
done
CASCADE_SERVER=$(sed -n 1p "$work/addresses")
export CASCADE_SERVER
metrics=$(sed -n 2p "$work/addresses")
until curl -sf "http://$metrics/readyz" > /dev/null; do sleep 0.1; done

step "a Prometheus that scrapes it"
port=$((20000 + $$ % 20000))
cat > "$work/prometheus.yaml" << END
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["$root/deploy/prometheus/alerts.yaml"]
scrape_configs: [{job_name: cascade, static_configs: [{targets: ["$metrics"]}]}]
END
promtool check config "$work/prometheus.yaml"
prometheus --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/tsdb" \
  --web.listen-address="127.0.0.1:$port" > "$work/prometheus.log" 2>&1 &
prometheus=$!
query() { promtool query instant "http://127.0.0.1:$port" "$1" | sed -n 's/.* => \([^ ]*\) @.*/\1/p'; }
until [ "$(query 'up{job="cascade"}')" = 1 ]; do
  kill -0 "$prometheus" 2> /dev/null || { cat "$work/prometheus.log"; exit 1; }
  sleep 0.2
done 2> /dev/null

step 'traffic: 40 answers of 16 tokens'
"$bin/cascade" bench --concurrency=8 --requests=40 --output_tokens=16 > "$work/bench"
curl -sf "http://$metrics/metrics" > "$work/page"
promtool check metrics < "$work/page"
generated=$(sed -n 's/^cascade_generated_tokens_total //p' "$work/page")
[ "$generated" -ge 640 ] || die "the page tells of $generated tokens"
until [ "$(query cascade_generated_tokens_total)" = "$generated" ]; do sleep 0.2; done
[ "$(query 'cascade_choices_finished_total{reason="max_tokens"}')" -ge 40 ] || die 'answers are missing'

step 'every metric of alerts and dashboard is on the page'
python3 - "$root" "$work/page" << 'END'
import json, re, sys
root, page = sys.argv[1:]
known = {re.sub(r"_(bucket|sum|count)$", "", line.split("{")[0].split(" ")[0]) for line in open(page) if line[0] != "#"}
# There are no series of these before the first failure.
known |= {"cascade_requests_failed_total"}
dashboard = json.load(open(f"{root}/deploy/grafana/cascade.json"))
texts = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
texts += re.findall(r"expr:(.*?)(?:for|labels):", open(f"{root}/deploy/prometheus/alerts.yaml").read(), re.S)
used = {re.sub(r"_bucket$", "", name) for text in texts for name in re.findall(r"\b(?:cascade|process)_\w+", text)}
missing = sorted(used - known)
sys.exit(f"not on the page: {missing}" if missing else 0)
END

step 'no alert fires, and every panel has something to show'
[ -z "$(query 'ALERTS{alertstate="firing"}')" ] || die "an alert fires: $(query ALERTS)"
python3 - "$root" << 'END' > "$work/queries"
import json, sys
for panel in json.load(open(f"{sys.argv[1]}/deploy/grafana/cascade.json"))["panels"]:
    for target in panel["targets"]:
        print(target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*"))
END
while read -r expression; do
  case $expression in *failed_total*) continue ;; esac  # nothing has failed
  [ -n "$(query "$expression")" ] || die "nothing for $expression"
done < "$work/queries"
step 'prometheus_test: all well'
