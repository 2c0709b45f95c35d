// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/panel_formats.h"

#include <array>

#include "model/kernels/float_panels.h"
#include "model/kernels/int4_panels.h"
#include "model/kernels/int8_panels.h"

namespace cascade::model::kernels {
namespace {

template <typename Rows>
constexpr PanelFormat FloatFormat(WeightType type, std::string_view name) {
  return {.type = type,
          .name = name,
          .family = KernelFamily::kFloatChains,
          .panel_bytes = &FloatPanelBytes<Rows>,
          .pack = &PackFloatPanels<Rows>,
          .copy_column = &CopyFloatColumn<Rows>,
          .column_is_finite = nullptr};
}

// In the order of WeightType.
constexpr std::array kFormats = {
    FloatFormat<F32Rows>(WeightType::kF32, "f32"),
    FloatFormat<Bf16Rows>(WeightType::kBf16, "bf16"),
    FloatFormat<F16Rows>(WeightType::kF16, "f16"),
    PanelFormat{.type = WeightType::kInt8,
                .name = "int8",
                .family = KernelFamily::kFloatChains,
                .panel_bytes = &Int8PanelBytes,
                .pack = &PackInt8Panels,
                .copy_column = &CopyInt8Column,
                .column_is_finite = &Int8ColumnIsFinite},
    PanelFormat{.type = WeightType::kInt4,
                .name = "int4",
                .family = KernelFamily::kFloatChains,
                .panel_bytes = &Int4PanelBytes,
                .pack = &PackInt4Panels,
                .copy_column = &CopyInt4Column,
                .column_is_finite = &Int4ColumnIsFinite},
};

constexpr bool RowsAreInOrder() {
  if (kFormats.size() != kWeightTypes.size()) return false;
  for (std::size_t i = 0; i < kFormats.size(); ++i) {
    if (kFormats[i].type != kWeightTypes[i] || static_cast<std::size_t>(kFormats[i].type) != i) {
      return false;
    }
  }
  return true;
}
static_assert(RowsAreInOrder());

}  // namespace

const PanelFormat& FormatOf(WeightType type) { return kFormats[static_cast<std::size_t>(type)]; }

std::string_view Name(WeightType type) { return FormatOf(type).name; }

}  // namespace cascade::model::kernels
