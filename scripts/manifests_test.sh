#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks deploy/kubernetes strictly, as kustomize builds it: the base, the production overlay, and the base with
# the other components. Needs npm, and kustomize, which install_clients.sh brings. Ends with 3 if npm's packages
# cannot be installed.
set -eu
cd "$(dirname "$0")/.."
work=build/manifests-test
mkdir -p "$work"
cp tests/interop/kubernetes/package.json tests/interop/kubernetes/check.mjs "$work"
timeout 300 npm install --prefix "$work" --silent --no-audit --no-fund || exit 3
PATH="$PWD/build/clients/bin:$PATH"
for folder in deploy/kubernetes/base deploy/kubernetes/overlays/production tests/interop/kubernetes/everything \
  tests/interop/kubernetes/gateway; do
  echo "$folder"
  kustomize build "$folder" > "$work/built.yaml"
  node "$work/check.mjs" "$work/built.yaml" server/flags.h
done
