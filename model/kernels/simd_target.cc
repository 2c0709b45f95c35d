// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/simd_target.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/kernels/highway_config.h"

namespace cascade::model::kernels {
namespace {

constexpr std::int64_t kScalarTarget = HWY_TARGETS & (HWY_SCALAR | HWY_EMU128);

struct NamedTarget {
  absl::string_view name;
  std::int64_t bit;
};

// Best first. A target that this build lacks has no bit in HWY_TARGETS.
constexpr NamedTarget kTargets[] = {
    {"avx512", HWY_AVX3}, {"avx2", HWY_AVX2}, {"neon", HWY_NEON}, {"scalar", kScalarTarget}};

// The targets that both the build and the CPU have, whichever is in use. The scalar target is added
// by hand: it always works, but Highway's library may have been built to know it by its other name.
std::int64_t DetectTargets() {
  hwy::SetSupportedTargetsForTest(0);
  return (hwy::SupportedTargets() & HWY_TARGETS) | kScalarTarget;
}

std::int64_t AvailableTargets() {
  static const std::int64_t available = DetectTargets();  // before the first SetSimdTarget
  return available;
}

// Those of the available targets that kernels may use. Highway's library knows them too, but asks
// the CPU at every call, which takes 20 us in a virtual machine, and every product of integers
// asks.
std::int64_t& TargetsInUse() {
  static std::int64_t in_use = AvailableTargets();
  return in_use;
}

// Tells Highway's library, which takes 0 for all.
void UseTargets(std::int64_t targets) {
  TargetsInUse() = targets;
  hwy::SetSupportedTargetsForTest(targets == AvailableTargets() ? 0 : targets);
}

}  // namespace

std::string SimdTargetName() {
  const std::int64_t in_use = TargetsInUse();
  const auto* best = std::find_if(std::begin(kTargets), std::end(kTargets),
                                  [&](const NamedTarget& t) { return (t.bit & in_use) != 0; });
  return std::string(best->name);
}

std::vector<std::string> SupportedSimdTargets() {
  std::vector<std::string> names;
  for (const NamedTarget& target : kTargets) {
    if ((target.bit & AvailableTargets()) != 0) names.emplace_back(target.name);
  }
  return names;
}

absl::Status SetSimdTarget(absl::string_view name) {
  const std::int64_t available = AvailableTargets();
  if (name == "auto") {
    UseTargets(available);
    return absl::OkStatus();
  }
  for (const NamedTarget& target : kTargets) {
    if (target.name == name && (target.bit & available) != 0) {
      UseTargets(target.bit);
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("SIMD target \"", name, "\" is not available here; use \"auto\" or one of: ",
                   absl::StrJoin(SupportedSimdTargets(), ", ")));
}

}  // namespace cascade::model::kernels
