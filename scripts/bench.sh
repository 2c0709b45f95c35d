#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the benchmarks and prints what tests/bench/RESULTS.md takes: a section in Markdown with the machine, the
# compiler, the commit and the tables. tests/bench/README.md says how to read them.
#
#   bench.sh BUILD    a build folder with the target "benchmarks"; leaves the section in BUILD/results.md
#
# From the environment: MODELS, WEIGHTS, KV_TYPES, THREADS (lists of words), REPETITIONS. What stands here takes
# about ten minutes on four cores.
set -eu

build=${1:?usage: bench.sh BUILD}
MODELS=${MODELS:-gpt2 gpt2-medium}
WEIGHTS=${WEIGHTS:-f32 bf16 int8}
KV_TYPES=${KV_TYPES:-f32 bf16 f16}
THREADS=${THREADS:-$(printf '1\n%s\n' "$(nproc)" | sort -un | tr '\n' ' ')}
REPETITIONS=${REPETITIONS:-3}

results=$build/results.md
part=$(mktemp)
errors=$(mktemp)
trap 'rm -f "$part" "$errors"' EXIT

# Prints standard input and keeps it.
keep() { tee -a "$results"; }

# Runs a program of the build and keeps what it prints, less the first $1 lines.
run() {
  skip=$1 program=$2
  shift 2
  "$build/bench/$program" "$@" > "$part" 2> "$errors" || { cat "$errors" >&2; exit 1; }
  tail -n +"$((skip + 1))" "$part" | keep
}

of_cpu() { lscpu | sed -n "s/^$1: *//p"; }
of_compiler() { sed -n "s/^set(CMAKE_CXX_COMPILER_$1 \"\(.*\)\")/\1/p" "$build"/CMakeFiles/*/CMakeCXXCompiler.cmake; }

# Of the CPU's flags, those that kernels could use.
vector_flags() {
  tr ' ' '\n' < /proc/cpuinfo | grep -E '^(avx|fma|f16c|amx|asimd|sve|bf16|i8mm)' | sort -u | tr '\n' ' '
}

commit() {
  git -C "$(dirname "$0")" describe --always --dirty --abbrev=10 2> /dev/null || echo unknown
}

system_name() {
  # shellcheck disable=SC1091  # not in this repository
  (. /etc/os-release && printf '%s' "$PRETTY_NAME") 2> /dev/null || uname -s
}

describe() {
  echo "## $(date -u +%F): commit $(commit)"
  echo
  echo "- CPU: $(of_cpu 'Model name'), family $(of_cpu 'CPU family'), model $(of_cpu Model); $(nproc) CPUs"
  echo "- caches: L2 $(of_cpu 'L2 cache'), L3 $(of_cpu 'L3 cache')"
  echo "- flags: $(vector_flags)"
  echo "- system: $(system_name), Linux $(uname -r), $(sed -n 's/MemTotal: *//p' /proc/meminfo) of memory"
  echo "- compiler: $(of_compiler ID) $(of_compiler VERSION), -O3 -ffp-contract=off"
  echo "- load before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
}

title() { printf '\n### %s\n\n' "$1" | keep; }

: > "$results"
describe | keep

title "Whole models, medians of $REPETITIONS"
skip=0
for model in $MODELS; do
  for weights in $WEIGHTS; do
    for threads in $THREADS; do
      run "$skip" model_bench --model="$model" --weights="$weights" --threads="$threads" --repetitions="$REPETITIONS"
      skip=2  # one table, one head
    done
  done
done

title "Types of keys and values, medians of $REPETITIONS"
skip=0
for model in $MODELS; do
  for kv_type in $KV_TYPES; do
    run "$skip" model_bench --model="$model" --weights=bf16 --kv_type="$kv_type" --cells=decode512,decode1000 \
      --repetitions="$REPETITIONS"
    skip=2
  done
done

for threads in $THREADS; do
  title "Kernels, threads: $threads"
  run 0 matmul_bench --threads="$threads"
  run 2 attention_bench --threads="$threads"
done

if [ -x "$build/bench/transport_bench" ]; then
  title "Transport"
  echo '```' | keep
  run 0 transport_bench --benchmark_min_time=0.2
  echo '```' | keep
fi

printf '\nLoad after: %s\n' "$(cut -d ' ' -f 1-3 /proc/loadavg)" | keep
