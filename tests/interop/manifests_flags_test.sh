#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The flags that deploy/ gives the server are flags that this server has, with values that it takes: args and
# variables of deploy/kubernetes, which the server would otherwise refuse, or take no notice of, in the cluster.
# Needs no kustomize; scripts/manifests_test.sh checks what kustomize makes of them.
#
#   manifests_flags_test.sh BIN    the folder of cascade-server
set -eu
bin=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
env -i "$bin/cascade-server" --model=m --print_config > "$work/defaults"

# The flags of a file, each as --name=value; a variable as the flag that it sets.
flags_of() {
  sed -nE -e 's/^ *(- |value: )(--[a-z0-9_]+)$/\2=true/p' -e 's/^ *(- |value: )(--[a-z0-9_]+=.*)$/\2/p' "$1"
  sed -nE 's/^ *- CASCADE_([A-Z0-9_]+)=(.*)$/\1 \2/p' "$1" | while read -r name value; do
    printf -- '--%s=%s\n' "$(printf %s "$name" | tr '[:upper:]' '[:lower:]')" "$value"
  done
}

# Whether the server knows all flags of a file, takes their values, and then has them.
check() {
  flags_of "$1" > "$work/flags"
  sed 's/=.*/=/' "$work/flags" | while read -r name; do
    grep -q -e "^$name" "$work/defaults" || { echo "$1: the server has no flag ${name%=}"; exit 1; }
  done || return 1
  env -i "$bin/cascade-server" --model=m "--flagfile=$work/flags" --print_config > "$work/config" || return 1
  while read -r flag; do
    grep -qxF -e "$flag" "$work/config" || { echo "$1: the server does not say $flag"; return 1; }
  done < "$work/flags"
}

failures=0
checked=0
# What the gateway and the endpoint picker are given is not the server's.
for file in $(find deploy/kubernetes -name '*.yaml' ! -name gateway.yaml ! -name picker.yaml | sort); do
  check "$file" || failures=$((failures + 1))
  checked=$((checked + $(wc -l < "$work/flags")))
done
[ "$checked" -ge 20 ] || { echo "only $checked flags found: this tests nothing"; failures=$((failures + 1)); }
for wrong in '- CASCADE_MAX_QUEUE=7' '- CASCADE_DRAIN_SECONDS=soon' 'value: --metric_address=0.0.0.0:9090'; do
  echo "$wrong" > "$work/wrong.yaml"
  if check "$work/wrong.yaml" > "$work/found" 2>&1; then
    echo "does not find: $wrong"
    failures=$((failures + 1))
  fi
done
[ "$failures" -eq 0 ]
