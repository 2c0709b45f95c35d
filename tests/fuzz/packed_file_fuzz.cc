// SPDX-License-Identifier: Apache-2.0
// Any bytes give a file of packed weights whose tensors lie within them, aligned, or one refusal
// that names the file.
#include <cstddef>
#include <cstdint>
#include <span>

#include "absl/strings/match.h"
#include "model/executor.h"
#include "model/weights/packed_file.h"
#include "tests/fuzz/fuzz.h"

namespace cascade::model {
namespace {

void ReadTensor(const PackedFile& packed, std::size_t size, std::span<const std::byte> file) {
  const auto tensor = packed.Find("wte.weight", size);
  if (!tensor.ok()) {
    FUZZ_EXPECT(absl::StartsWith(tensor.status().message(), "file: "));
    return;
  }
  FUZZ_EXPECT(tensor->size() == size);
  const auto at = static_cast<std::size_t>(tensor->data() - file.data());
  FUZZ_EXPECT(at % kPackedAlignment == 0);
  FUZZ_EXPECT(at + size <= file.size());
}

void ReadFile(std::span<const std::byte> file) {
  const auto packed = PackedFile::Parse(file, "file");
  if (!packed.ok()) {
    FUZZ_EXPECT(absl::IsInvalidArgument(packed.status()));
    FUZZ_EXPECT(absl::StartsWith(packed.status().message(), "file: "));
    return;
  }
  FUZZ_EXPECT(packed->MetadataOf(kPackedFormatKey) == kPackedFormat);
  InlineExecutor executor;
  const absl::Status verified = packed->Verify(executor);
  FUZZ_EXPECT(verified.ok() || absl::IsDataLoss(verified));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{96}, file.size()}) {
    ReadTensor(*packed, size, file);
  }
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cascade::model::ReadFile(std::as_bytes(std::span(data, size)));
  return 0;
}
