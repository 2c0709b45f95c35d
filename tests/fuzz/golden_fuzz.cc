// SPDX-License-Identifier: Apache-2.0
// Any bytes give an array that lies within them and has the elements that its shape says, or one
// refusal that names the file. The same bytes as JSON give an array, or such a refusal.
#include <cstddef>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "model/checkpoints/npy.h"
#include "model/json_document.h"
#include "nlohmann/json.hpp"
#include "tests/fuzz/fuzz.h"

namespace cascade::model {
namespace {

void ExpectRefusal(const absl::Status& status) {
  FUZZ_EXPECT(absl::IsInvalidArgument(status));
  FUZZ_EXPECT(absl::StartsWith(status.message(), "file: "));
}

void ReadNpy(absl::string_view file) {
  const absl::StatusOr<NpyArray> array = ParseNpy(file, "file");
  if (!array.ok()) return ExpectRefusal(array.status());
  std::size_t bytes = 4;
  for (const std::size_t size : array->shape) bytes *= size;
  FUZZ_EXPECT(!array->shape.empty() && array->shape.size() <= 8);
  FUZZ_EXPECT(bytes > 0 && array->elements.size() == bytes);
  FUZZ_EXPECT(array->elements.data() >= file.data());
  FUZZ_EXPECT(array->elements.data() + bytes == file.data() + file.size());
}

void ReadJson(absl::string_view file) {
  const absl::StatusOr<JsonDocument> array = ParseJsonArray(file, "file");
  if (!array.ok()) return ExpectRefusal(array.status());
  FUZZ_EXPECT((*array)->is_array());
}

}  // namespace
}  // namespace cascade::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const absl::string_view file(reinterpret_cast<const char*>(data), size);
  cascade::model::ReadNpy(file);
  cascade::model::ReadJson(file);
  return 0;
}
