#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the image, runs it as production would (read-only root, no capabilities, not root, bounded
# memory), and asks it for health and for text. Docker if its engine runs, else podman.
#
# Where no image registry can be reached, make the base image first: scripts/make_base_image.sh.
set -eu
cd "$(dirname "$0")/.."

image=cascade:test
name=cascade-image-test-$$
port=$((20000 + $$ % 20000))
work=$(mktemp -d)

if docker info > /dev/null 2>&1; then
  engine=docker
elif command -v podman > /dev/null; then
  engine=podman
  # What podman needs inside a container, and what does no harm outside one.
  export BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}"
  cat > "$work/containers.conf" << CONF
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "$(command -v runc > /dev/null && echo runc || echo crun)"
CONF
  export CONTAINERS_CONF="${CONTAINERS_CONF:-$work/containers.conf}"
else
  echo 'image_test: needs a running Docker engine, or podman' >&2
  exit 1
fi

step() { printf '== %s\n' "$*"; }

cleanup() {
  "$engine" rm -f "$name" > /dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

# Runs the client inside the container: no port needs publishing.
client() { "$engine" exec "$name" cascade "$@" "--server=127.0.0.1:$port" --timeout=30s; }

wait_until_serving() {
  for _ in $(seq 120); do
    client health > "$work/health" 2>&1 && return
    sleep 0.5
  done
  cat "$work/health"
  "$engine" logs "$name"
  "$engine" inspect "$name" --format 'state: {{.State.Status}}, exit code {{.State.ExitCode}}'
  exit 1
}

step "build with $engine"
set --
[ "$engine" = docker ] || set -- --format docker  # podman's own format has no health checks
"$engine" build "$@" -t "$image" .
"$engine" image inspect "$image" --format 'size: {{.Size}} bytes'

step 'run: read-only, no capabilities, no new privileges'
set --
[ "$engine" = docker ] || set -- --read-only-tmpfs=false
"$engine" run -d --name "$name" --read-only "$@" --cap-drop all \
  --security-opt no-new-privileges --memory 512m --pids-limit 200 \
  "$image" "--listen=127.0.0.1:$port" --kv_cache_bytes=256MiB > /dev/null
wait_until_serving
cat "$work/health"

step 'not root'
uid=$("$engine" exec "$name" id -u)
[ "$uid" = 10001 ] || { echo "runs as $uid"; exit 1; }

step 'a generate call, twice the same'
client generate --seed=7 --max_new_tokens=30 'Once upon a time' | tee "$work/first"
client generate --seed=7 --max_new_tokens=30 'Once upon a time' > "$work/second"
[ -s "$work/first" ] && cmp "$work/first" "$work/second"

step 'stop: SIGTERM, and a clean exit'
"$engine" stop -t 30 "$name" > /dev/null
code=$("$engine" inspect "$name" --format '{{.State.ExitCode}}')
"$engine" logs "$name" 2>&1 | tail -n 3
[ "$code" = 0 ] || { echo "exit code $code"; exit 1; }
step 'image_test: all well'
