#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The contract for those who generate a client from it: with proto/ as root it needs nothing but what protoc
# brings, shadows none of the messages of googleapis that a project may have beside it, and says for each
# language where its code goes.
#
#   contract_test.sh PROTOC
set -eu
protoc=$1
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
contract=cascade/v1/text_generation.proto

"$protoc" -I proto --include_imports --descriptor_set_out="$work/set" --dependency_out="$work/needed" "$contract"
if grep -o 'proto/[a-z_/0-9]*\.proto' "$work/needed" | grep -v "^proto/$contract\$" | grep -v '^proto/google/protobuf/'; then
  echo 'the contract needs a file of proto/ beside itself'
  exit 1
fi

# Somebody's googleapis, which comes second on the command line.
mkdir -p "$work/googleapis/google/rpc"
printf '%s\n' 'syntax = "proto3";' 'package google.rpc;' 'message Status { string theirs = 99; }' \
  > "$work/googleapis/google/rpc/status.proto"
"$protoc" -I proto -I "$work/googleapis" --descriptor_set_out="$work/set" google/rpc/status.proto
grep -aq theirs "$work/set" || { echo 'proto/ shadows google/rpc/status.proto of googleapis'; exit 1; }

for option in csharp_namespace go_package java_multiple_files java_outer_classname java_package \
              objc_class_prefix php_metadata_namespace php_namespace ruby_package; do
  grep -q "^option $option = " "proto/$contract" || { echo "the contract has no option $option"; exit 1; }
done
