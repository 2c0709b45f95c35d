#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Brings what the README shows and Debian does not have into FOLDER/bin: grpcurl, built from its Go module,
# and a Python with grpcio-tools and matplotlib; buf, which checks the contract, protoc-gen-doc, which makes a
# page of it, and kustomize, which builds the manifests. Versions are pinned.
# Does nothing if they are there.
#
#   install_clients.sh FOLDER [kustomize]    all of them, or that alone
set -eu
mkdir -p "$1/bin"
folder=$(cd "$1" && pwd)
only=${2:-}
case "$only" in
  '' | kustomize) ;;
  *) echo "install_clients: $only alone cannot be installed; kustomize can" >&2; exit 2 ;;
esac

install_go_program() {
  command -v go > /dev/null || { echo "install_clients: $1 needs go" >&2; exit 1; }
  GOBIN="$folder/bin" go install "$1"
}

if [ ! -x "$folder/bin/kustomize" ]; then
  install_go_program sigs.k8s.io/kustomize/kustomize/v5@v5.7.1
fi
[ "$only" != kustomize ] || exit 0
if [ ! -x "$folder/bin/grpcurl" ]; then
  install_go_program github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3
fi
if [ ! -x "$folder/bin/buf" ]; then
  install_go_program github.com/bufbuild/buf/cmd/buf@v1.75.0
fi
if [ ! -x "$folder/bin/protoc-gen-doc" ]; then
  install_go_program github.com/pseudomuto/protoc-gen-doc/cmd/protoc-gen-doc@v1.5.1
fi
if ! "$folder/bin/python3" -c 'import grpc_tools, matplotlib' 2> /dev/null; then
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet grpcio==1.66.2 grpcio-tools==1.66.2 matplotlib==3.11.2
fi
