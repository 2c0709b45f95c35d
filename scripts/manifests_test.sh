#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks deploy/kubernetes strictly: the base, and with kustomize, if it is there (install_clients.sh brings
# it), the production overlay and the base with the other components. Needs npm.
set -eu
cd "$(dirname "$0")/.."
work=build/manifests-test
mkdir -p "$work"
cp tests/interop/kubernetes/package.json tests/interop/kubernetes/check.mjs "$work"
npm install --prefix "$work" --silent --no-audit --no-fund
node "$work/check.mjs" deploy/kubernetes/base
PATH="$PWD/build/clients/bin:$PATH"
if command -v kustomize > /dev/null; then
  for folder in deploy/kubernetes/overlays/production tests/interop/kubernetes/everything tests/interop/kubernetes/gateway; do
    kustomize build "$folder" > "$work/built.yaml"
    echo "$folder"
    node "$work/check.mjs" "$work/built.yaml"
  done
fi
