#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks deploy/kubernetes strictly, and with kustomize, if it is there (install_clients.sh brings it), the
# base with all components. Needs npm.
set -eu
cd "$(dirname "$0")/.."
work=build/manifests-test
mkdir -p "$work"
cp tests/interop/kubernetes/package.json tests/interop/kubernetes/check.mjs "$work"
npm install --prefix "$work" --silent --no-audit --no-fund
node "$work/check.mjs" deploy/kubernetes
PATH="$PWD/build/clients/bin:$PATH"
if command -v kustomize > /dev/null; then
  kustomize build tests/interop/kubernetes/everything > "$work/everything.yaml"
  node "$work/check.mjs" "$work/everything.yaml"
  echo 'kustomize: the base and all components build'
fi
