#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the client in Ruby.
#
#   run.sh FOLDER ADDRESS SMALL CONFIG    FOLDER: for packages and what is built; ends with
#                                         77 if there is no Ruby, or none with gRPC.
set -eu
# shellcheck source=tests/interop/programs/toolchain.sh
. "$(dirname "$0")/../toolchain.sh"

needs ruby
if ! ruby -e 'require "grpc"; require "google/rpc/error_details_pb"' 2> /dev/null ||
   ! command -v grpc_tools_ruby_protoc > /dev/null; then
  leave_out 'Ruby has no gRPC (Debian: ruby-grpc, ruby-grpc-tools, ruby-googleapis-common-protos-types)'
fi
grpc_tools_ruby_protoc -I "$CASCADE_PROTO" --ruby_out="$folder" --grpc_out="$folder" cascade/v1/text_generation.proto
ruby -I "$folder" "$here/program.rb" "$@"
