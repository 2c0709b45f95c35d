#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the client in Go.
#
#   run.sh FOLDER ADDRESS SMALL CONFIG    FOLDER: for packages and what is built; ends with
#                                         77 if there is no Go or no protoc.
set -eu
# shellcheck source=tests/interop/programs/toolchain.sh
. "$(dirname "$0")/../toolchain.sh"

needs go protoc
needs_version go 1.24 "$(go env GOVERSION | tr -d "[:alpha:]")"
[ -e "$folder/program" ] || needs_network
[ "${OFFLINE:-}" != true ] || export GOPROXY=off
cp -p "$here/go.mod" "$here/go.sum" "$here/program.go" "$folder"
GOBIN="$folder/bin" go -C "$folder" install tool
PATH="$folder/bin:$PATH" protoc -I "$CASCADE_PROTO" --go_out="$folder" --go-grpc_out="$folder" \
  cascade/v1/text_generation.proto
go -C "$folder" build -o program program.go
"$folder/program" "$@"
