// SPDX-License-Identifier: Apache-2.0
// The matrix product at the shapes of gpt2-medium, on --threads=N threads, beside what as many
// threads can do at best: of multiply-adds where there are many rows, of reading the same weights
// where few.
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "model/kernels/element_types.h"
#include "model/kernels/integer_units.h"
#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/simd_target.h"
#include "model/kernels/source_matrix.h"
#include "tests/bench/kernel_main.h"
#include "tests/bench/probes.h"

namespace cascade::bench {
namespace {

using model::ConstMatF;
using model::InlineExecutor;
using model::MatF;
namespace kernels = model::kernels;

struct Shape {
  std::size_t rows;
  std::size_t n_in;
  std::size_t n_out;
};

std::vector<float> RandomFloats(std::size_t count) {
  std::minstd_rand generator(1);
  std::vector<float> values(count);
  for (float& v : values) v = static_cast<float>(generator() % 2001) * 1e-3f - 1.0f;
  return values;
}

kernels::PackedMatrix RandomMatrix(const Shape& shape, const kernels::Precision& precision) {
  const std::vector<float> values = RandomFloats(shape.n_in * shape.n_out);
  InlineExecutor executor;
  return kernels::PackedMatrix::Pack({.bytes = std::as_bytes(std::span(values)),
                                      .type = kernels::ElementType::kF32,
                                      .layout = kernels::SourceMatrix::Layout::kInOut,
                                      .n_in = shape.n_in,
                                      .n_out = shape.n_out},
                                     precision, executor);
}

// Measures on SIMD target `target` with integer unit `unit`.
void MatMulBench(benchmark::State& state, const std::string& target, const std::string& unit,
                 const kernels::Precision& precision, const Shape& shape,
                 model::Executor& executor) {
  if (!kernels::SetSimdTarget(target).ok()) return state.SkipWithError("no such target");
  if (!kernels::SetIntegerUnit(unit).ok()) return state.SkipWithError("no such unit");
  const kernels::PackedMatrix weights = RandomMatrix(shape, precision);
  const std::vector<float> x = RandomFloats(shape.rows * shape.n_in);
  std::vector<float> y(shape.rows * shape.n_out);
  kernels::MatMulScratch scratch;
  const Work work{.operations = 2.0 * static_cast<double>(shape.rows * shape.n_in * shape.n_out),
                  .bytes = {weights.Panel(0), weights.bytes()}};
  MeasureBesideProbes(state, work, executor, [&] {
    kernels::MatMul(ConstMatF(x.data(), shape.rows, shape.n_in), weights, {}, executor, scratch,
                    MatF(y.data(), shape.rows, shape.n_out));
    benchmark::ClobberMemory();
  });
}

void RegisterAll(model::Executor& executor) {
  constexpr int kSamples = 15;
  std::vector<Shape> shapes = {{1, 1024, 50257}, {4, 1024, 50257}};
  for (const std::size_t rows : {1u, 8u, 16u, 32u, 512u}) shapes.push_back({rows, 1024, 4096});
  for (const std::size_t rows : {1u, 512u}) shapes.push_back({rows, 4096, 1024});
  const auto add = [&](const std::string& target, const std::string& unit,
                       const kernels::Precision& precision) {
    for (const Shape& shape : shapes) {
      const std::string name =
          absl::StrCat("MatMul/", unit == "auto" ? target : unit, "/", kernels::Name(precision),
                       "/rows:", shape.rows, "/", shape.n_in, "x", shape.n_out);
      const auto run = [=, &executor](benchmark::State& state) {
        MatMulBench(state, target, unit, precision, shape, executor);
      };
      benchmark::RegisterBenchmark(name.c_str(), run)->UseManualTime()->Iterations(kSamples);
    }
  };
  // The scalar target and the plain unit are there to be right, not to be fast.
  for (const kernels::Precision& precision : kernels::kPrecisions) {
    if (precision.activations == kernels::ActivationType::kF32) {
      for (const std::string& target : kernels::SupportedSimdTargets()) {
        if (target != "scalar") add(target, "auto", precision);
      }
    } else {
      for (const std::string& unit : kernels::SupportedIntegerUnits()) {
        if (unit != "plain") add("auto", unit, precision);
      }
    }
  }
}

}  // namespace
}  // namespace cascade::bench

int main(int argc, char** argv) {
  return cascade::bench::RunKernelBenchmarks(argc, argv, cascade::bench::RegisterAll);
}
