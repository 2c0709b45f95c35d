#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds what an API server of Kubernetes takes, etcd, kube-apiserver and kubectl, from their Go modules into
# FOLDER/bin. Some ten minutes the first time; does nothing if they are there. Needs go.
set -eu
kubernetes=1.37.2
etcd=3.7.3
mkdir -p "$1/bin"
bin=$(cd "$1/bin" && pwd)
export GOFLAGS=-mod=mod

# build MODULE VERSION EDIT PACKAGE...: the module's sources, with their go.mod changed by a sed script: a module
# that replaces its neighbors by folders of its repository cannot be installed as it is.
build() {
  work=$(mktemp -d)
  cp -R "$(go mod download -json "$1@v$2" | sed -n 's/^\t"Dir": "\(.*\)",/\1/p')/." "$work"
  chmod -R u+w "$work"
  rm -rf "$work/go.work" "$work/go.work.sum" "$work/vendor"
  sed -i "$3" "$work/go.mod"
  shift 3
  (cd "$work" && go build -trimpath -ldflags '-s -w' -o "$bin/" "$@")
  rm -rf "$work"
}

if [ ! -x "$bin/kube-apiserver" ] || [ ! -x "$bin/kubectl" ]; then
  build k8s.io/kubernetes "$kubernetes" "s|=> ./staging/src/\(.*\)|=> \1 v0.${kubernetes#*.}|" \
    ./cmd/kube-apiserver ./cmd/kubectl
fi
if [ ! -x "$bin/etcd" ]; then
  build go.etcd.io/etcd/server/v3 "$etcd" '/^replace (/,/^)/d; /^replace /d' .
  mv "$bin/server" "$bin/etcd" 2> /dev/null || mv "$bin/v3" "$bin/etcd"
fi
