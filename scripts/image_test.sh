#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the image, runs it as production would (read-only root, no capabilities, not root, bounded
# memory, TLS, tokens), and asks it for health and for text. Docker if its engine runs, else podman.
# Needs openssl. RELEASE in the environment is the Debian that it is built on, bookworm or trixie.
#
# Where no image registry can be reached, make the base image first: scripts/make_base_image.sh [RELEASE].
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

# Runs the client inside the container: no port needs publishing. Where the server is, CASCADE_LISTEN tells it.
client() { "$engine" exec "$name" /usr/bin/cascade "$@" --timeout=30s; }

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

release=${RELEASE:-bookworm}
step "build with $engine on $release"
scripts/build_image.sh "$image" --build-arg "DEBIAN=$release"
"$engine" image inspect "$image" --format 'size: {{.Size}} bytes'

step 'labels: the license, and the commit that it was made of'
label() { "$engine" image inspect "$image" --format "{{index .Config.Labels \"org.opencontainers.image.$1\"}}"; }
[ "$(label licenses)" = Apache-2.0 ]
[ "$(label revision)" = "$(git rev-parse HEAD)" ]

step 'no shell, and a bill of materials'
"$engine" create --name "$name" "$image" > /dev/null
"$engine" export "$name" | tar -t > "$work/files"
"$engine" cp "$name:/sbom.spdx.json" "$work/sbom.json"
"$engine" rm "$name" > /dev/null
if grep -E '(^|/)(sh|bash|dash|busybox|apt|dpkg)$' "$work/files"; then exit 1; fi
grep -qE 'pkg:deb/debian/libgrpc[0-9]+(t64)?@' "$work/sbom.json"

step 'an authority, a certificate and a token'
mkdir "$work/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj '/CN=image test' \
  -addext 'subjectAltName=DNS:localhost' -keyout "$work/tls/server.key" -out "$work/tls/server.pem" 2> "$work/openssl"
printf 'a token for the image test' > "$work/tls/token"
printf 'tester %s\n' "$(printf 'a token for the image test' | sha256sum | cut -d' ' -f1)" > "$work/tls/callers"
chmod -R a+rX "$work"

step 'run: read-only, no capabilities, no new privileges'
set --
[ "$engine" = docker ] || set -- --read-only-tmpfs=false
"$engine" run -d --name "$name" --read-only "$@" --cap-drop all \
  --security-opt no-new-privileges --memory 512m --pids-limit 200 \
  --volume "$work/tls:/tls:ro" --env CASCADE_TLS=true --env CASCADE_CA=/tls/server.pem \
  --env "CASCADE_LISTEN=localhost:$port" "$image" --kv_cache_bytes=256MiB \
  --tls_cert=/tls/server.pem --tls_key=/tls/server.key --callers_file=/tls/callers > /dev/null
wait_until_serving
cat "$work/health"

step 'the image has a health check, which asks as the client above does'
health_check=$("$engine" image inspect "$image" --format '{{json .Config.Healthcheck.Test}}')
[ "$health_check" = '["CMD","/usr/bin/cascade","health","--timeout=2s"]' ] || { echo "$health_check"; exit 1; }

step 'not root'
pid=$("$engine" inspect "$name" --format '{{.State.Pid}}')
uid=$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")
[ "$uid" = 10001 ] || { echo "runs as $uid"; exit 1; }

step 'without a token, nothing but health'
if client model > "$work/refused" 2>&1; then exit 1; fi
grep UNAUTHENTICATED "$work/refused"

step 'a generate call, twice the same'
generate() { client generate --token_file=/tls/token --seed=7 --max_new_tokens=30 'Once upon a time'; }
generate | tee "$work/first"
generate > "$work/second"
[ -s "$work/first" ] && cmp "$work/first" "$work/second"

step 'stop: SIGTERM, and a clean exit'
"$engine" stop -t 30 "$name" > /dev/null
code=$("$engine" inspect "$name" --format '{{.State.ExitCode}}')
"$engine" logs "$name" 2>&1 | tail -n 3
[ "$code" = 0 ] || { echo "exit code $code"; exit 1; }
step 'image_test: all well'
