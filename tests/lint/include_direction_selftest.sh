#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests include_direction.sh: a good tree passes, and each bad include, planted alone, fails and is named.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/include_direction.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# plant FILE INCLUDE: a tree that holds one file with one include.
plant() {
  rm -rf "$tree/model" "$tree/server" "$tree/tools" "$tree/tests"
  mkdir -p "$tree/model" "$tree/server" "$tree/tools" "$tree/tests" "$tree/$(dirname "$1")"
  printf '#pragma once\n#include %s\n' "$2" > "$tree/$1"
}

# plant_with_header FILE INCLUDED: the same, and the header of the file's name.
plant_with_header() {
  plant "$1" "$2"
  echo '#pragma once' > "$tree/${1%.cc}.h"
}

passes() {
  plant "$1" "$2"
  sh "$check" "$tree" > "$tree/out" && return
  echo "refused, and it is allowed: $2 in $1"
  cat "$tree/out"
  failures=$((failures + 1))
}

fails() {
  plant "$1" "$2"
  if ! sh "$check" "$tree" > "$tree/out" && grep -q "^$1:" "$tree/out"; then return; fi
  echo "not refused: $2 in $1"
  failures=$((failures + 1))
}

passes model/layers/linear.cc '"model/kernels/matmul.h"'
passes model/kernels/matmul.cc '<vector>'
passes model/kernels/matmul.cc '"hwy/highway.h"'
passes model/gpt2.cc '"model/weights/gpt2_weights.h"'
passes server/grpc/service.cc '"server/engine/worker.h"'
passes server/grpc/service.cc '"cascade/v1/text_generation.pb.h"'
passes server/engine/worker.cc '<thread>'
passes tools/cascade/model.cc '<google/protobuf/util/json_util.h>'
passes model/kernels/matmul.cc '"model/kernels/highway_config.h"'
passes tests/model/kernels/matmul_test.cc '"model/kernels/highway_config.h"'
passes tests/server/grpc/service_test.cc '"server/grpc/service.h"'

fails model/layers/ffn.cc '"model/kernels/highway_config.h"'
fails model/layers/ffn.cc '"model/kernels/matmul.h"'
fails model/gpt2.cc '"model/kernels/matmul_tile-inl.h"'
fails tests/model/sampling/sampler_test.cc '"model/kernels/matmul_tile-inl.h"'
fails model/kernels/matmul.h '"model/config.h"'
fails model/kernels/matmul.h '"model/layers/ffn.h"'
fails model/cache/kv_cache.h '"model/layers/ffn.h"'
fails model/layers/ffn.h '"model/weights/safetensors.h"'
fails model/sampling/sampler.h '"model/tokenizer/tokenizer.h"'
fails model/tokenizer/tokenizer.h '"model/weights/safetensors.h"'
fails model/weights/safetensors.h '"model/sampling/sampler.h"'
fails model/gpt2.h '"model/generation/generator.h"'
fails model/gpt2.cc '"server/engine/worker.h"'
fails model/gpt2.cc '"tests/support/golden.h"'
fails model/gpt2.cc '<thread>'
fails model/layers/ffn.cc '<mutex>'
fails model/generation/generator.cc '<chrono>'
fails model/generation/generator.cc '"absl/time/clock.h"'
fails model/gpt2.cc '<grpcpp/grpcpp.h>'
fails model/gpt2.cc '  <google/protobuf/message.h>'
fails model/layers/ffn.cc '"hwy/highway.h"'
fails model/kernels/matmul.cc '<immintrin.h>'
fails model/new_room/thing.h '<vector>'
fails server/engine/worker.cc '<grpcpp/grpcpp.h>'
fails server/engine/worker.cc '"server/grpc/service.h"'
fails server/engine/worker.cc '"cascade/v1/text_generation.pb.h"'
fails tools/cascade/main.cc '"model/gpt2.h"'
fails tools/cascade/main.cc '"server/options.h"'

plant_with_header model/gpt2.cc '"model/gpt2.h"'
sh "$check" "$tree" || failures=$((failures + 1))
plant_with_header model/gpt2.cc '<vector>'
if sh "$check" "$tree" > "$tree/out"; then
  echo 'not refused: another include before the header of the same name'
  failures=$((failures + 1))
fi

exit "$failures"
