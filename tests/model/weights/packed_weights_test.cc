// SPDX-License-Identifier: Apache-2.0

#include "model/weights/packed_weights.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/weights/file_memory.h"
#include "model/weights/packed_file.h"
#include "tests/model/weights/weights_folder.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::Refuses;
using cascade::testing::StoredBytes;
using kernels::Precision;
using kernels::WeightType;
using ::testing::HasSubstr;

// A model folder and, in a folder of its own, the packed file made of it.
class PackedWeightsTest : public ::testing::Test {
 protected:
  PackedWeightsTest() { WriteModel(); }

  void WriteModel() {
    folder_.dir().WriteFile("model.safetensors", testing::Safetensors(folder_.tensors()));
  }

  absl::StatusOr<LoadedWeights> Load(std::optional<Precision> precision = std::nullopt,
                                     const ModelConfig& config = SmallConfig()) {
    InlineExecutor executor;
    LoadOptions options = OptionsFor(precision);
    options.packed_file = path_;
    return LoadWeights(HuggingFaceFolder(folder_.dir().path()), config, options, executor);
  }

  // How a load that succeeds uses the file.
  PackedFileOutcome Outcome(std::optional<Precision> precision = std::nullopt,
                            const ModelConfig& config = SmallConfig()) {
    const auto loaded = Load(precision, config);
    EXPECT_THAT(loaded, IsOk());
    return loaded.ok() ? loaded->packed_file : PackedFileOutcome();
  }

  std::string Bytes() const {
    std::ostringstream text;
    text << std::ifstream(path_, std::ios::binary).rdbuf();
    return text.str();
  }

  void SetBytes(const std::string& bytes) const { cache_.WriteFile("small.packed", bytes); }

  WeightsFolder folder_;
  testing::TempDir cache_;
  const std::string path_ = cache_.PathOf("small.packed");
};

// The bytes of every tensor, one behind the other.
std::string AllBytes(const ModelConfig& config, LoadedWeights& loaded) {
  // The table points into the weights it is made for; blocks that are there stay as they are.
  std::string all;
  const auto add = [&all](std::span<const std::byte> bytes) {
    all.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  for (const Gpt2Tensor& row : Gpt2Tensors(config, loaded.weights)) {
    if (row.matrix != nullptr) {
      add(row.matrix->contents());
    } else {
      add(std::as_bytes(std::span(*row.values)));
    }
  }
  return all;
}

TEST_F(PackedWeightsTest, HoldsTheSameBitsAndTheSameReportForEveryPrecision) {
  for (const Precision& precision : kernels::kPrecisions) {
    LoadedWeights plain = folder_.LoadAsIs(precision).value();
    for (const PackedFileUse use : {PackedFileUse::kMade, PackedFileUse::kRead}) {
      auto loaded = Load(precision);
      ASSERT_THAT(loaded, IsOk());
      EXPECT_EQ(loaded->packed_file.use, use) << loaded->packed_file.reason;
      EXPECT_EQ(AllBytes(SmallConfig(), *loaded), AllBytes(SmallConfig(), plain))
          << Name(precision);
      EXPECT_EQ(loaded->report.fingerprint, plain.report.fingerprint);
      EXPECT_EQ(loaded->report.stored_type, plain.report.stored_type);
      EXPECT_EQ(loaded->report.precision, plain.report.precision);
      EXPECT_EQ(loaded->report.parameters, plain.report.parameters);
      EXPECT_EQ(loaded->report.stored_bytes, plain.report.stored_bytes);
      EXPECT_EQ(loaded->report.memory_bytes, plain.report.memory_bytes);
      EXPECT_EQ(loaded->report.nan_count, plain.report.nan_count);
    }
  }
}

// What is told of the weight files is told again of the packed file that was made of them.
TEST_F(PackedWeightsTest, KeepsZerosForAbsentBiasesAndCountsAndWarnings) {
  std::erase_if(folder_.tensors(), [](const testing::TensorSpec& tensor) {
    return absl::EndsWith(tensor.name, "attn.c_attn.bias");
  });
  folder_.Tensor("ln_f.bias").bytes =
      StoredBytes(std::vector<float>{std::numeric_limits<float>::infinity(), 1e6F, 0, 0, 0, 0},
                  kernels::ElementType::kF32);
  WriteModel();
  for (const PackedFileUse use : {PackedFileUse::kMade, PackedFileUse::kRead}) {
    const auto loaded = Load(WeightType::kF16);
    ASSERT_THAT(loaded, IsOk());
    EXPECT_EQ(loaded->packed_file.use, use) << loaded->packed_file.reason;
    EXPECT_EQ(loaded->weights.h[1].attn.c_attn.bias, std::vector<float>(18, 0.0F));
    EXPECT_EQ(loaded->report.infinity_count, 1U);
    EXPECT_EQ(loaded->report.overflow_count, 1U);
    EXPECT_THAT(loaded->report.warnings, ::testing::ElementsAre(HasSubstr("are zeros")));
  }
}

TEST_F(PackedWeightsTest, TheMatricesLieInTheFilesMemory) {
  Outcome();
  const auto loaded = Load();
  ASSERT_THAT(loaded, IsOk());
  const std::span<const std::byte> file = loaded->weights.packed_file->bytes();
  const std::span<const std::byte> wte = loaded->weights.wte.contents();
  EXPECT_GE(wte.data(), file.data());
  EXPECT_LE(wte.data() + wte.size(), file.data() + file.size());
}

TEST_F(PackedWeightsTest, IsASafetensorsFileThatLeavesNothingBesideIt) {
  EXPECT_EQ(Outcome().use, PackedFileUse::kMade);
  const std::string bytes = Bytes();
  Metadata metadata;
  const auto tensors = ParseSafetensors(std::as_bytes(std::span(bytes)), "file", &metadata);
  ASSERT_THAT(tensors, IsOk());
  EXPECT_TRUE(tensors->contains("wte.weight"));
  EXPECT_EQ(metadata["memory_type"], "f32");
  const std::filesystem::directory_iterator files(cache_.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST_F(PackedWeightsTest, KeepsAHeadOfItsOwnAndACountOfNaNs) {
  WeightsFolder untied(UntiedConfig());
  untied.Tensor("ln_f.bias").bytes = StoredBytes(
      std::vector<float>(6, std::numeric_limits<float>::quiet_NaN()), kernels::ElementType::kF32);
  untied.dir().WriteFile("model.safetensors", testing::Safetensors(untied.tensors()));
  InlineExecutor executor;
  const LoadOptions options = {.type = std::nullopt, .packed_file = path_};
  for (const PackedFileUse use : {PackedFileUse::kMade, PackedFileUse::kRead}) {
    const auto loaded =
        LoadWeights(HuggingFaceFolder(untied.dir().path()), UntiedConfig(), options, executor);
    ASSERT_THAT(loaded, IsOk());
    EXPECT_EQ(loaded->packed_file.use, use);
    EXPECT_TRUE(loaded->weights.lm_head.has_value());
    EXPECT_EQ(loaded->report.nan_count, 6U);
  }
}

TEST_F(PackedWeightsTest, IsMadeAnewForOtherWeights) {
  Outcome();
  folder_.Tensor("h.1.mlp.c_proj.weight").bytes[243] ^= 1;  // in the middle: of the same size
  WriteModel();
  const PackedFileOutcome outcome = Outcome();
  EXPECT_EQ(outcome.use, PackedFileUse::kMade);
  EXPECT_THAT(outcome.reason, HasSubstr("other weight files"));
  EXPECT_EQ(Load()->report.fingerprint, folder_.LoadAsIs()->report.fingerprint);
  EXPECT_EQ(Outcome().use, PackedFileUse::kRead);
}

TEST_F(PackedWeightsTest, SeesAChangeThatLeavesSizeAndTimeAsTheyWere) {
  Outcome();
  const auto time = std::filesystem::last_write_time(folder_.path());
  for (char& byte : folder_.Tensor("h.1.mlp.c_proj.weight").bytes) byte ^= 1;
  WriteModel();
  std::filesystem::last_write_time(folder_.path(), time);
  EXPECT_EQ(Outcome().use, PackedFileUse::kMade);
}

TEST_F(PackedWeightsTest, IsMadeAnewWhenTheWeightFileWasTouched) {
  Outcome();
  const auto time = std::filesystem::last_write_time(folder_.path());
  std::filesystem::last_write_time(folder_.path(), time - std::chrono::seconds(1));
  EXPECT_EQ(Outcome().use, PackedFileUse::kMade);
}

TEST_F(PackedWeightsTest, IsMadeAnewForAnotherPrecisionOrConfiguration) {
  EXPECT_EQ(Outcome(WeightType::kF32).use, PackedFileUse::kMade);
  EXPECT_EQ(Outcome(WeightType::kBf16).use, PackedFileUse::kMade);
  EXPECT_EQ(Outcome(WeightType::kBf16).use, PackedFileUse::kRead);
  const Precision int8_by_int8(WeightType::kInt8, kernels::ActivationType::kInt8);
  EXPECT_EQ(Outcome(WeightType::kInt8).use, PackedFileUse::kMade);
  EXPECT_EQ(Outcome(int8_by_int8).use, PackedFileUse::kMade);
  EXPECT_EQ(Outcome(int8_by_int8).use, PackedFileUse::kRead);
  EXPECT_EQ(Outcome(WeightType::kBf16).use, PackedFileUse::kMade);
  ModelConfig other = SmallConfig();
  other.layer_norm_epsilon *= 2;
  EXPECT_EQ(Outcome(WeightType::kBf16, other).use, PackedFileUse::kMade);
}

TEST_F(PackedWeightsTest, ADamagedFileIsMadeAnewWhereverTheDamageIs) {
  Outcome();
  const std::string good = Bytes();
  std::vector<std::size_t> places = {0, 7, 8, 9, good.size() - 1, good.size() - 17};
  for (std::size_t at = 16; at < good.size(); at += 997) places.push_back(at);
  for (const std::size_t at : places) {
    std::string bad = good;
    bad[at] ^= 0x10;
    SetBytes(bad);
    const PackedFileOutcome outcome = Outcome();
    ASSERT_EQ(outcome.use, PackedFileUse::kMade) << "byte " << at;
    ASSERT_THAT(outcome.reason, HasSubstr(path_));
    ASSERT_EQ(Bytes(), good);
  }
}

TEST_F(PackedWeightsTest, ATruncatedOrForeignFileIsMadeAnew) {
  Outcome();
  const std::string good = Bytes();
  const std::vector<std::string> others = {"",
                                           "x",
                                           good.substr(0, 100),
                                           good.substr(0, good.size() / 2),
                                           good.substr(0, good.size() - 1),
                                           good + "x",
                                           testing::Safetensors(folder_.tensors()),
                                           std::string(good.size(), '\0')};
  for (const std::string& other : others) {
    SetBytes(other);
    const PackedFileOutcome outcome = Outcome();
    EXPECT_EQ(outcome.use, PackedFileUse::kMade);
    EXPECT_THAT(outcome.reason, HasSubstr(path_));
    EXPECT_EQ(Bytes(), good);
  }
}

TEST_F(PackedWeightsTest, TakesOverWhatAKilledProcessLeftBehind) {
  cache_.WriteFile("small.packed.tmp", std::string(1'000'000, 'x'));
  EXPECT_EQ(Outcome().use, PackedFileUse::kMade);
  EXPECT_EQ(Outcome().use, PackedFileUse::kRead);
  EXPECT_FALSE(std::filesystem::exists(path_ + ".tmp"));
}

TEST_F(PackedWeightsTest, AFolderThatCannotBeWrittenIsNoReasonNotToLoad) {
  InlineExecutor executor;
  const LoadOptions options = {.type = std::nullopt, .packed_file = "/does/not/exist/f.packed"};
  const auto loaded =
      LoadWeights(HuggingFaceFolder(folder_.dir().path()), SmallConfig(), options, executor);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->packed_file.use, PackedFileUse::kFailed);
  EXPECT_THAT(loaded->packed_file.reason, HasSubstr("/does/not/exist/f.packed"));
  EXPECT_EQ(loaded->weights.packed_file, nullptr);
  EXPECT_EQ(loaded->report.fingerprint, folder_.LoadAsIs()->report.fingerprint);
}

TEST_F(PackedWeightsTest, WhatCannotBeLoadedIsRefusedAndLeavesNoFile) {
  folder_.Tensor("wte.weight").bytes =
      StoredBytes(std::vector<float>(37 * 6, std::numeric_limits<float>::infinity()),
                  kernels::ElementType::kF32);
  WriteModel();
  EXPECT_THAT(Load(WeightType::kInt8), IsInvalid({"wte.weight", "int8"}));
  EXPECT_TRUE(std::filesystem::is_empty(cache_.path()));
}

TEST_F(PackedWeightsTest, TellsOfItsProgress) {
  std::vector<std::size_t> done;
  std::size_t all = 0;
  InlineExecutor executor;
  const LoadOptions options = {.type = std::nullopt,
                               .packed_file = "",
                               .on_progress = [&](std::size_t so_far, std::size_t total) {
                                 done.push_back(so_far);
                                 all = total;
                                 return absl::OkStatus();
                               }};
  const auto loaded =
      LoadWeights(HuggingFaceFolder(folder_.dir().path()), SmallConfig(), options, executor);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(done.size(), folder_.tensors().size());
  EXPECT_TRUE(std::ranges::is_sorted(done));
  EXPECT_EQ(all, loaded->report.stored_bytes);
  EXPECT_LE(done.back(), all);  // the header is nobody's tensor
  EXPECT_GE(done.back(), 4 * loaded->report.parameters);
}

TEST_F(PackedWeightsTest, EndsWithTheErrorOfWhoHearsOfItsProgress) {
  InlineExecutor executor;
  for (const std::string& packed_file : {std::string(), path_}) {
    int calls = 0;
    LoadOptions options = {.packed_file = packed_file};
    options.on_progress = [&](std::size_t /*done*/, std::size_t /*total*/) {
      ++calls;
      return absl::InvalidArgumentError("enough");
    };
    EXPECT_THAT(
        LoadWeights(HuggingFaceFolder(folder_.dir().path()), SmallConfig(), options, executor),
        IsInvalid({"enough"}));
    EXPECT_EQ(calls, 1);  // the weights are not read again without the file
  }
  EXPECT_TRUE(std::filesystem::is_empty(cache_.path()));
}

// Loads while another process does `change` to the weight file, once a tensor was read.
absl::Status LoadWhile(const WeightsFolder& folder, const std::string& packed_file,
                       const std::function<void()>& change) {
  InlineExecutor executor;
  LoadOptions options = {.packed_file = packed_file};
  bool is_first = true;
  options.on_progress = [&](std::size_t /*done*/, std::size_t /*total*/) {
    if (std::exchange(is_first, false)) change();
    return absl::OkStatus();
  };
  return LoadWeights(HuggingFaceFolder(folder.dir().path()), SmallConfig(), options, executor)
      .status();
}

TEST_F(PackedWeightsTest, AWeightFileThatIsTruncatedMeanwhileIsAnError) {
  for (const std::string& packed_file : {std::string(), path_}) {
    WriteModel();
    EXPECT_THAT(LoadWhile(folder_, packed_file,
                          [&] { std::filesystem::resize_file(folder_.path(), 4096); }),
                Refuses(absl::StatusCode::kDataLoss,
                        std::vector<std::string>{folder_.path(), "truncated"}));
  }
  EXPECT_TRUE(std::filesystem::is_empty(cache_.path()));
}

TEST_F(PackedWeightsTest, AWeightFileThatIsOverwrittenMeanwhileIsAnError) {
  for (const std::string& packed_file : {std::string(), path_}) {
    WriteModel();
    EXPECT_THAT(LoadWhile(folder_, packed_file,
                          [&] {
                            std::fstream file(folder_.path(), std::ios::in | std::ios::out);
                            file.seekp(-100, std::ios::end);
                            file << "others";
                          }),
                Refuses(absl::StatusCode::kDataLoss,
                        std::vector<std::string>{folder_.path(), "was written"}));
  }
  EXPECT_TRUE(std::filesystem::is_empty(cache_.path()));
}

TEST_F(PackedWeightsTest, NothingThatIsDoneToTheFileChangesLoadedWeights) {
  LoadedWeights plain = folder_.LoadAsIs().value();
  const std::string expected = AllBytes(SmallConfig(), plain);
  for (const bool share : {false, true}) {
    for (const bool truncate : {false, true}) {
      InlineExecutor executor;
      LoadOptions options = {.packed_file = path_};
      options.share_packed_file = share;
      auto loaded =
          LoadWeights(HuggingFaceFolder(folder_.dir().path()), SmallConfig(), options, executor);
      ASSERT_THAT(loaded, IsOk());
      std::thread writer([&] {
        const std::size_t size = std::filesystem::file_size(path_);
        SetBytes(std::string(truncate ? 0 : size, 'x'));
      });
      FileMemory& memory = *loaded->weights.packed_file;
      const bool shared = loaded->packed_file.reason_not_shared.empty();
      while (shared && !memory.WriterWaits()) std::this_thread::yield();
      if (shared) {
        EXPECT_THAT(memory.MakePrivate(), IsOk());
      }
      writer.join();
      EXPECT_EQ(AllBytes(SmallConfig(), *loaded), expected);
    }
  }
}

TEST_F(PackedWeightsTest, IsSharedByTheProcessThatMakesIt) {
  InlineExecutor executor;
  LoadOptions options = {.packed_file = path_};
  options.share_packed_file = true;
  const auto made =
      LoadWeights(HuggingFaceFolder(folder_.dir().path()), SmallConfig(), options, executor);
  ASSERT_THAT(made, IsOk());
  EXPECT_EQ(made->packed_file.use, PackedFileUse::kMade);
  if (!FileMemory::Open(path_)->Share().ok()) GTEST_SKIP() << "no leases here";
  EXPECT_EQ(made->packed_file.reason_not_shared, "");
}

}  // namespace
}  // namespace cascade::model
