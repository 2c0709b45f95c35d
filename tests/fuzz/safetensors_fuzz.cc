// SPDX-License-Identifier: Apache-2.0
// Any bytes give tensors that lie within them and have the bytes that their shapes say, or one
// refusal that names the file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/match.h"
#include "model/weights/elements.h"
#include "model/weights/safetensors.h"
#include "model/weights/tensor_names.h"
#include "model/weights/weight_files.h"
#include "tests/fuzz/fuzz.h"

namespace cascade::model {
namespace {

void ReadTensor(const StoredTensor& tensor, std::span<const std::byte> file) {
  FUZZ_EXPECT(tensor.bytes.data() >= file.data());
  FUZZ_EXPECT(tensor.bytes.data() + tensor.bytes.size() <= file.data() + file.size());
  const StoredType* const type = FindStoredType(tensor.dtype);
  if (type == nullptr) return;
  std::size_t elements = 1;
  for (const std::size_t size : tensor.shape) elements *= size;
  FUZZ_EXPECT(tensor.bytes.size() == elements * type->element_bytes);
  FUZZ_EXPECT(type->widen(tensor.bytes).size() == elements);
  const ElementCounts counts = type->count(tensor.bytes);
  FUZZ_EXPECT(counts.nans + counts.infinities + counts.beyond_f16 <= elements);
}

void ReadFile(std::span<const std::byte> file) {
  const auto tensors = ParseSafetensors(file, "file");
  if (!tensors.ok()) {
    FUZZ_EXPECT(absl::IsInvalidArgument(tensors.status()));
    FUZZ_EXPECT(absl::StartsWith(tensors.status().message(), "file: "));
    return;
  }
  std::size_t covered = 0;
  for (const auto& [name, tensor] : *tensors) {
    ReadTensor(tensor, file);
    covered += tensor.bytes.size();
  }
  FUZZ_EXPECT(covered < file.size());

  WeightFiles::Entries entries;
  for (const auto& [name, tensor] : *tensors) entries.emplace(name, WeightFiles::Entry{tensor});
  const std::string wrappers = WrapperNames(entries);
  FUZZ_EXPECT(wrappers.empty() || absl::EndsWith(wrappers, "."));
  FUZZ_EXPECT(wrappers.empty() ||
              std::any_of(entries.begin(), entries.end(), [&wrappers](const auto& entry) {
                return absl::StartsWith(entry.first, wrappers);
              }));
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cascade::model::ReadFile(std::as_bytes(std::span(data, size)));
  return 0;
}
