#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks deploy/kubernetes strictly, and that kustomize can build it if kustomize is there. Needs npm.
set -eu
cd "$(dirname "$0")/.."
work=build/manifests-test
mkdir -p "$work"
cp tests/interop/kubernetes/package.json tests/interop/kubernetes/check.mjs "$work"
npm install --prefix "$work" --silent --no-audit --no-fund
node "$work/check.mjs" deploy/kubernetes
if command -v kustomize > /dev/null; then
  kustomize build deploy/kubernetes > "$work/built.yaml"
  echo 'kustomize: builds'
fi
