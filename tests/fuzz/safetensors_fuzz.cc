// SPDX-License-Identifier: Apache-2.0
// Any bytes give tensors that lie within them and have the bytes that their shapes say, or one
// refusal that names the file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/match.h"
#include "model/weights/elements.h"
#include "model/weights/safetensors.h"
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
  FUZZ_EXPECT(type->count_nans(tensor.bytes) <= elements);
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
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cascade::model::ReadFile(std::as_bytes(std::span(data, size)));
  return 0;
}
