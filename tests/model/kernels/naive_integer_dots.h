// SPDX-License-Identifier: Apache-2.0
// The contract of integer_dots.h in plain loops, and operands for products.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <vector>

#include "model/executor.h"
#include "model/kernels/element_types.h"
#include "model/kernels/integer_panels.h"
#include "model/kernels/matmul.h"
#include "model/kernels/packed_matrix.h"
#include "model/kernels/panel.h"
#include "model/kernels/source_matrix.h"
#include "model/mat_view.h"
#include "tests/model/kernels/every_simd_target.h"
#include "tests/model/kernels/product.h"

namespace cascade::model::kernels {

inline constexpr std::size_t kNaiveGroup = 64;

struct Shape {
  std::size_t rows;
  std::size_t n_in;
  std::size_t n_out;
};

// What whole numbers a product is made of.
struct IntegerFormat {
  Precision precision;
  float largest_input;
  int magnitude_limit;  // of an input, where outliers are looked for
  int outlier_magnitudes;
  int (*weight)(const std::byte* panel, std::size_t row, std::size_t column);
  const float* (*scales)(const std::byte* panel, std::size_t n_in);
};

inline constexpr IntegerFormat kInt8Format = {
    .precision = {WeightType::kInt8, ActivationType::kInt8},
    .largest_input = 127.0f,
    .magnitude_limit = 16,
    .outlier_magnitudes = 209,
    .weight = &IntegerPanels<Int8DotOrder>::Weight,
    .scales = &IntegerPanels<Int8DotOrder>::Scales};

inline constexpr IntegerFormat kInt16Format = {
    .precision = {WeightType::kBf16, ActivationType::kInt16},
    .largest_input = 4095.0f,
    .magnitude_limit = 512,
    .outlier_magnitudes = 6688,
    .weight = &IntegerPanels<Int16DotOrder>::Weight,
    .scales = &IntegerPanels<Int16DotOrder>::Scales};

// One product's operands; the weights as the whole numbers and scales that were packed.
struct Operands {
  explicit Operands(const Shape& s, const IntegerFormat& f = kInt8Format) : shape(s), format(f) {
    Numbers numbers(s.rows * 1'000'000 + s.n_in * 1'000 + s.n_out);
    x = numbers.Next(s.rows * s.n_in);
    bias = numbers.Next(s.n_out);
    residual = numbers.Next(s.rows * s.n_out);
    SetWeights(numbers.Next(s.n_in * s.n_out));
  }

  void SetWeights(std::span<const float> values) {
    InlineExecutor executor;
    packed = PackedMatrix::Pack({.bytes = std::as_bytes(values),
                                 .type = ElementType::kF32,
                                 .layout = SourceMatrix::Layout::kInOut,
                                 .n_in = shape.n_in,
                                 .n_out = shape.n_out},
                                format.precision, executor);
    weights.clear();
    scales.clear();
    for (std::size_t o = 0; o < shape.n_out; ++o) {
      const std::byte* panel = packed.Panel(o / kPanelColumns);
      for (std::size_t i = 0; i < shape.n_in; ++i) {
        weights.push_back(format.weight(panel, i, o % kPanelColumns));
      }
      scales.push_back(format.scales(panel, shape.n_in)[o % kPanelColumns]);
    }
  }

  ConstMatF X() const { return ConstMatF(x.data(), shape.rows, shape.n_in); }
  ConstMatF Residual() const { return ConstMatF(residual.data(), shape.rows, shape.n_out); }

  Shape shape;
  IntegerFormat format;
  std::vector<float> x;
  std::vector<float> bias;
  std::vector<float> residual;
  std::vector<std::int32_t> weights;  // [n_out, n_in]
  std::vector<float> scales;          // [n_out]
  PackedMatrix packed;
};

struct Rounded {
  std::vector<std::int32_t> values;
  float scale = 0.0f;
  std::vector<std::size_t> outliers = {};  // their places in the group
};

inline Rounded RoundWithoutOutliers(std::span<const float> group, const IntegerFormat& format) {
  Rounded rounded{.values = std::vector<std::int32_t>(group.size())};
  float largest = 0.0f;
  for (const float x : group) {
    if (!std::isfinite(x)) return {rounded.values, std::numeric_limits<float>::quiet_NaN()};
    largest = std::max(largest, std::abs(x));
  }
  const float scale = largest / format.largest_input;
  if (scale < std::numeric_limits<float>::min()) return rounded;
  rounded.scale = scale;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const float value = group[i] * (format.largest_input / largest);
    rounded.values[i] = static_cast<std::int32_t>(std::nearbyint(value));
  }
  return rounded;
}

// The contract of rounded_rows.h, word for word.
inline Rounded RoundGroup(std::span<const float> group, const IntegerFormat& format = kInt8Format) {
  std::vector<float> rest(group.begin(), group.end());
  std::vector<std::size_t> outliers;
  while (true) {
    Rounded rounded = RoundWithoutOutliers(rest, format);
    int magnitudes = 0;
    for (const std::int32_t value : rounded.values) {
      magnitudes += std::min(std::abs(value), format.magnitude_limit);
    }
    const bool has_outlier = magnitudes > 0 && magnitudes < format.outlier_magnitudes;
    if (!has_outlier || outliers.size() == 4) {
      std::ranges::sort(outliers);
      rounded.outliers = outliers;
      return rounded;
    }
    std::size_t largest = 0;
    for (std::size_t i = 1; i < rest.size(); ++i) {
      if (std::abs(rest[i]) > std::abs(rest[largest])) largest = i;
    }
    outliers.push_back(largest);
    rest[largest] = 0.0f;
  }
}

// The contract of integer_dots.h, word for word.
inline std::vector<float> NaiveProduct(const Operands& operands, const Epilogue& epilogue) {
  const auto& [rows, n_in, n_out] = operands.shape;
  std::vector<float> out(rows * n_out, 0.0f);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::span<float> row = std::span(out).subspan(r * n_out, n_out);
    std::vector<std::size_t> outliers;
    for (std::size_t i = 0; i < n_in; i += kNaiveGroup) {
      const std::size_t count = std::min(kNaiveGroup, n_in - i);
      const Rounded x = RoundGroup(operands.X().Row(r).subspan(i, count), operands.format);
      for (const std::size_t outlier : x.outliers) outliers.push_back(i + outlier);
      for (std::size_t o = 0; o < n_out; ++o) {
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < count; ++k) {
          sum += std::int64_t{x.values[k]} * operands.weights[o * n_in + i + k];
        }
        row[o] = std::fma(static_cast<float>(sum), x.scale, row[o]);
      }
    }
    for (std::size_t o = 0; o < n_out; ++o) {
      for (const std::size_t i : outliers) {
        const auto weight = static_cast<float>(operands.weights[o * n_in + i]);
        row[o] = std::fma(operands.X().Row(r)[i], weight, row[o]);
      }
      row[o] =
          std::fma(row[o], operands.scales[o], epilogue.bias.empty() ? 0.0f : epilogue.bias[o]);
    }
  }
  EndNaively(operands, epilogue, out);
  return out;
}

}  // namespace cascade::model::kernels
