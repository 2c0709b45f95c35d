// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/panel_formats.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "model/kernels/float_panels.h"
#include "model/kernels/int4_dot_panels.h"
#include "model/kernels/int4_panels.h"
#include "model/kernels/integer_panels.h"

namespace cascade::model::kernels {
namespace {

template <typename Rows>
constexpr PanelFormat FloatFormat(WeightType type, std::string_view name) {
  return {.precision = type,
          .weights_name = name,
          .family = KernelFamily::kFloatChains,
          .panel_bytes = &FloatPanelBytes<Rows>,
          .pack = &PackFloatPanels<Rows>,
          .copy_column = &CopyFloatColumn<Rows>,
          .column_is_finite = nullptr};
}

template <typename Order>
constexpr PanelFormat IntegerFormat(const Precision& precision, std::string_view name,
                                    KernelFamily family) {
  return {.precision = precision,
          .weights_name = name,
          .family = family,
          .panel_bytes = &IntegerPanels<Order>::Bytes,
          .pack = &IntegerPanels<Order>::Pack,
          .copy_column = &IntegerPanels<Order>::CopyColumn,
          .column_is_finite = &IntegerPanels<Order>::ColumnIsFinite};
}

// In the order of kPrecisions.
constexpr std::array kFormats = {
    FloatFormat<F32Rows>(WeightType::kF32, "f32"),
    FloatFormat<Bf16Rows>(WeightType::kBf16, "bf16"),
    FloatFormat<F16Rows>(WeightType::kF16, "f16"),
    IntegerFormat<Int8RowOrder>(WeightType::kInt8, "int8", KernelFamily::kFloatChains),
    PanelFormat{.precision = WeightType::kInt4,
                .weights_name = "int4",
                .family = KernelFamily::kFloatChains,
                .panel_bytes = &Int4PanelBytes,
                .pack = &PackInt4Panels,
                .copy_column = &CopyInt4Column,
                .column_is_finite = &Int4ColumnIsFinite},
    IntegerFormat<Int8DotOrder>({WeightType::kInt8, ActivationType::kInt8}, "int8",
                                KernelFamily::kIntegerDots),
    PanelFormat{.precision = {WeightType::kInt4, ActivationType::kInt8},
                .weights_name = "int4",
                .family = KernelFamily::kIntegerDots,
                .panel_bytes = &Int4DotPanelBytes,
                .pack = &PackInt4DotPanels,
                .copy_column = &CopyInt4DotColumn,
                .column_is_finite = &Int4DotColumnIsFinite},
    IntegerFormat<Int16DotOrder>({WeightType::kBf16, ActivationType::kInt16}, "bf16",
                                 KernelFamily::kIntegerDots),
};

constexpr bool RowsAreInOrder() {
  if (kFormats.size() != kPrecisions.size()) return false;
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats[i].precision != kPrecisions[i]) return false;
  }
  return true;
}
static_assert(RowsAreInOrder());

}  // namespace

const PanelFormat& FormatOf(const Precision& precision) {
  const auto row = std::ranges::find(kFormats, precision, &PanelFormat::precision);
  assert(row != kFormats.end());
  return *row;
}

std::string_view Name(WeightType type) { return FormatOf(type).weights_name; }

}  // namespace cascade::model::kernels
