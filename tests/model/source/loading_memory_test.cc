// SPDX-License-Identifier: Apache-2.0
// What happens when memory runs out while a model is read. A binary of its own: it replaces
// operator new, to fail.
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/config.h"
#include "model/executor.h"
#include "model/generation_config.h"
#include "model/json_document.h"
#include "model/source/hugging_face_folder.h"
#include "model/source/model_source.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gpt2_weights.h"
#include "nlohmann/json.hpp"
#include "tests/support/source_path.h"

namespace {

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

// Allocations of at least so many bytes count. Small ones never fail: messages are made of them.
constexpr std::size_t kCounted = 600;

// How many more of those succeed; all of them after that fail.
std::size_t allocations_left = kNever;
std::size_t allocations = 0;

bool Fails(std::size_t size) {
  if (size < kCounted) return false;
  ++allocations;
  if (allocations_left == 0) return true;
  if (allocations_left != kNever) --allocations_left;
  return false;
}

void* Allocate(std::size_t size, std::size_t alignment) {
  if (!Fails(size)) {
    const std::size_t whole = (size + alignment) / alignment * alignment;
    if (void* p = std::aligned_alloc(alignment, whole)) return p;
  }
  throw std::bad_alloc();
}

// Not inlined, lest the compiler see free() meet what it takes for the library's operator new.
[[gnu::noinline]] void Free(void* p) { std::free(p); }

}  // namespace

void* operator new(std::size_t size) { return Allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept { Free(p); }
void operator delete(void* p, std::size_t /*size*/) noexcept { Free(p); }
void operator delete(void* p, std::align_val_t /*alignment*/) noexcept { Free(p); }
void operator delete(void* p, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  Free(p);
}

namespace cascade::model {
namespace {

using ::testing::HasSubstr;

// Runs `read` with enough memory, then again and again with memory for fewer allocations: each of
// some 50 places, evenly spread, is where memory runs out once.
void ExpectNamedErrors(const std::function<absl::Status()>& read, const std::string& named) {
  allocations = 0;
  ASSERT_TRUE(read().ok());
  const std::size_t all = allocations;
  ASSERT_GT(all, 0U);
  const std::size_t stride = all / 50 + 1;
  for (std::size_t enough_for = 0; enough_for < all; enough_for += stride) {
    allocations_left = enough_for;
    const absl::Status status = read();
    allocations_left = kNever;
    ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted)
        << "after " << enough_for << " of " << all << " allocations: " << status;
    ASSERT_THAT(std::string(status.message()), HasSubstr(named));
  }
}

class LoadingMemoryTest : public ::testing::Test {
 protected:
  const std::string folder_ = testing::BundledModelFolder();
  const HuggingFaceFolder source_{folder_};
};

TEST_F(LoadingMemoryTest, TheTokenizerNamesItself) {
  ExpectNamedErrors([&] { return source_.ReadTokenizer().status(); },
                    folder_ + ": memory ran out while the tokenizer was read");
}

TEST_F(LoadingMemoryTest, TheConfigurationNamesItself) {
  ExpectNamedErrors([&] { return source_.ReadConfig().status(); },
                    folder_ + ": memory ran out while the configuration was read");
}

TEST_F(LoadingMemoryTest, TheWeightsAreAnErrorToo) {
  const ModelConfig config = *source_.ReadConfig();
  InlineExecutor executor;
  ExpectNamedErrors(
      [&] {
        return LoadWeights(source_, config, {.type = kernels::WeightType::kInt8}, executor)
            .status();
      },
      "memory");
}

TEST_F(LoadingMemoryTest, ATensorForWhichThereIsNoneIsNamedWithItsBytes) {
  const ModelConfig config = *source_.ReadConfig();
  InlineExecutor executor;
  LoadOptions options;
  options.on_progress = [](std::size_t /*done*/, std::size_t /*total*/) {
    allocations_left = 0;  // from the second tensor on
    return absl::OkStatus();
  };
  const absl::Status status = LoadWeights(source_, config, options, executor).status();
  allocations_left = kNever;
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              ::testing::ContainsRegex("model.safetensors: tensor \"[a-z0-9._]+\": no memory for "
                                       "its [0-9]+ bytes"));
}

TEST_F(LoadingMemoryTest, ADocumentIsDestroyedWithoutIt) {
  auto array = nlohmann::json::array();
  for (int i = 0; i < 1'000; ++i) array.push_back({{"key", {i}}});
  std::vector<JsonDocument> documents;
  documents.emplace_back(std::move(array));
  allocations_left = 0;
  documents.clear();
  allocations_left = kNever;
  EXPECT_TRUE(documents.empty());
}

}  // namespace
}  // namespace cascade::model
