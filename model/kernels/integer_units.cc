// SPDX-License-Identifier: Apache-2.0

#include "model/kernels/integer_units.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/kernels/integer_tile.h"
#include "model/kernels/integer_unit_check.h"
#include "model/kernels/simd_target.h"

#if defined(__x86_64__)
#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace cascade::model::kernels {
namespace {

struct CpuFeatures {
  bool amx_int8 = false;
  bool avx512_vnni = false;
  bool avx_vnni = false;
  bool dot_product = false;
};

#if defined(__x86_64__) && defined(__linux__)
// Linux lets a process use the tile registers, 8 KiB for each thread, only if it has asked for
// them. A kernel before 5.16, or one that shows a process another CPU, refuses.
bool AskForTileRegisters() {
  constexpr long kRequestPermission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr long kTileData = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}
#endif

// Beyond what the SIMD targets stand for. That the system keeps their registers is theirs to know.
CpuFeatures DetectFeatures() {
  CpuFeatures features;
#if defined(__x86_64__)
  // Asked of the CPU itself: Clang 14's __builtin_cpu_supports does not know AVX-VNNI.
  unsigned eax = 0;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0) {
    features.avx512_vnni = (ecx >> 11 & 1u) != 0;
#ifdef __linux__
    const bool amx_tile = (edx >> 24 & 1u) != 0;
    const bool amx_int8 = (edx >> 25 & 1u) != 0;
    features.amx_int8 = features.avx512_vnni && amx_tile && amx_int8 && AskForTileRegisters();
#endif
    const unsigned last_leaf = eax;
    if (last_leaf >= 1 && __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0) {
      features.avx_vnni = (eax >> 4 & 1u) != 0;
    }
  }
#elif defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP
  features.dot_product = (getauxval(AT_HWCAP) & kDotProduct) != 0;
#endif
  return features;
}

struct Choice {
  const IntegerUnit* unit;     // null if this build lacks it
  bool CpuFeatures::*feature;  // what the CPU must have beside the target; null: nothing
  std::array<std::string_view, 2> targets;  // the SIMD targets that it goes with; empty: all
};

// Best first.
const std::array<Choice, 6>& Choices() {
  static const std::array<Choice, 6> choices = {
      Choice{kAmxUnit, &CpuFeatures::amx_int8, {"avx512"}},
      Choice{kAvx512VnniUnit, &CpuFeatures::avx512_vnni, {"avx512"}},
      Choice{kAvxVnniUnit, &CpuFeatures::avx_vnni, {"avx512", "avx2"}},
      Choice{kAvx2Unit, nullptr, {"avx512", "avx2"}},
      Choice{kNeonDotUnit, &CpuFeatures::dot_product, {"neon"}},
      Choice{kPlainUnit, nullptr, {}},
  };
  return choices;
}

bool GoesWith(const Choice& choice, std::string_view target) {
  return choice.targets[0].empty() || std::ranges::count(choice.targets, target) > 0;
}

bool CpuHas(const Choice& choice) {
  static const CpuFeatures features = DetectFeatures();
  static const std::vector<std::string> targets = SupportedSimdTargets();
  if (choice.unit == nullptr) return false;
  if (choice.feature != nullptr && !(features.*choice.feature)) return false;
  return std::ranges::any_of(targets, [&](const std::string& t) { return GoesWith(choice, t); });
}

// What of the choices this CPU can run, and whether it then computes what it must.
struct Found {
  std::vector<const IntegerUnit*> right;
  std::vector<const IntegerUnit*> wrong;
};

const Found& FoundUnits() {
  static const Found found = [] {
    Found units;
    for (const Choice& choice : Choices()) {
      if (!CpuHas(choice)) continue;
      (AgreesWithPlain(*choice.unit) ? units.right : units.wrong).push_back(choice.unit);
    }
    return units;
  }();
  return found;
}

bool IsSupported(const Choice& choice) {
  return std::ranges::count(FoundUnits().right, choice.unit) > 0;
}

std::vector<std::string> Names(const std::vector<const IntegerUnit*>& units) {
  std::vector<std::string> names;
  for (const IntegerUnit* unit : units) names.emplace_back(unit->name);
  return names;
}

const IntegerUnit* chosen = nullptr;  // by SetIntegerUnit

}  // namespace

const IntegerUnit& IntegerUnitInUse() {
  if (chosen != nullptr) return *chosen;
  const std::string target = SimdTargetName();
  for (const Choice& choice : Choices()) {
    if (IsSupported(choice) && GoesWith(choice, target)) return *choice.unit;
  }
  return *kPlainUnit;
}

std::string IntegerUnitName() { return std::string(IntegerUnitInUse().name); }

std::vector<std::string> SupportedIntegerUnits() { return Names(FoundUnits().right); }

std::vector<std::string> WrongIntegerUnits() { return Names(FoundUnits().wrong); }

void SetIntegerUnit(const IntegerUnit& unit) { chosen = &unit; }

absl::Status SetIntegerUnit(std::string_view name) {
  if (name == "auto") {
    chosen = nullptr;
    return absl::OkStatus();
  }
  for (const Choice& choice : Choices()) {
    if (IsSupported(choice) && choice.unit->name == name) {
      chosen = choice.unit;
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "integer unit \"", std::string(name), "\" is not available here; use \"auto\" or one of: ",
      absl::StrJoin(SupportedIntegerUnits(), ", ")));
}

}  // namespace cascade::model::kernels
