// SPDX-License-Identifier: Apache-2.0
// What is no GPT-2: each malformed folder by what its refusal says.
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/weights/gpt2_weights.h"
#include "tests/model/weights/weights_folder.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::Refuses;
using cascade::testing::TempDir;
using cascade::testing::TensorSpec;
using kernels::ElementType;
using kernels::WeightType;
using Parts = std::vector<std::string>;

std::vector<TensorSpec> SmallTensors() {
  return cascade::testing::Gpt2TensorSpecs(SmallConfig(), ElementType::kF32, "");
}

TEST(Gpt2WeightsRefusalsTest, RefusesANameWithAndWithoutThePrefix) {
  WeightsFolder folder;
  TensorSpec twin = folder.Tensor("ln_f.bias");
  twin.name = "transformer.ln_f.bias";
  folder.tensors().push_back(twin);
  EXPECT_THAT(folder.Load(), IsInvalid({folder.path(), "\"ln_f.bias\"", "expected once"}));
}

TEST(Gpt2WeightsRefusalsTest, AHeadThatIsNotTiedMustBeThere) {
  WeightsFolder folder(UntiedConfig());
  ASSERT_THAT(folder.Load(), IsOk());
  EXPECT_EQ(folder.LoadAsIs()->report.parameters, UntiedConfig().ParameterCount());
  folder.Remove("lm_head.weight");
  EXPECT_THAT(folder.Load(), IsInvalid({folder.dir().path(), "\"lm_head.weight\"", "[37, 6]"}));
}

TEST(Gpt2WeightsRefusalsTest, NamesTheTensorThatIsMissing) {
  for (const TensorSpec& tensor : SmallTensors()) {
    WeightsFolder folder;
    folder.Remove(tensor.name);
    EXPECT_THAT(folder.Load(),
                IsInvalid({folder.dir().path(), absl::StrCat("tensor \"", tensor.name, "\""),
                           "expected shape [", "found in no weight file"}));
  }
}

TEST(Gpt2WeightsRefusalsTest, NamesTheTensorWhoseShapeIsWrong) {
  for (const TensorSpec& tensor : SmallTensors()) {
    WeightsFolder folder;
    TensorSpec& wrong = folder.Tensor(tensor.name);
    wrong.shape[0] += 1;
    wrong.bytes.resize(wrong.bytes.size() / tensor.shape[0] * wrong.shape[0]);
    EXPECT_THAT(folder.Load(),
                IsInvalid({folder.path(), absl::StrCat("tensor \"", tensor.name, "\""),
                           absl::StrCat("expected shape [", tensor.shape[0]),
                           absl::StrCat("found [", wrong.shape[0])}));
  }
}

TEST(Gpt2WeightsRefusalsTest, WholeNumbersNameTheMatrixThatIsNotFinite) {
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    WeightsFolder folder;
    TensorSpec& tensor = folder.Tensor("h.0.mlp.c_fc.weight");
    const std::size_t n_out = tensor.shape[1];
    std::memcpy(&tensor.bytes[(2 * n_out + 5) * sizeof(float)], &bad, sizeof(float));
    for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
      EXPECT_THAT(folder.Load(type),
                  IsInvalid({folder.path(), "\"h.0.mlp.c_fc.weight\"",
                             absl::StrCat(std::string(Name(type)), " needs finite"), "output 5"}));
    }
    EXPECT_THAT(folder.Load(WeightType::kBf16), IsOk());
  }
}

TEST(Gpt2WeightsRefusalsTest, Int8ActivationsNeedIntegerWeights) {
  const WeightsFolder folder;
  constexpr auto kActivations = kernels::ActivationType::kInt8;
  for (const WeightType type : {WeightType::kF32, WeightType::kBf16, WeightType::kF16}) {
    EXPECT_THAT(folder.Load(kernels::Precision(type, kActivations)),
                IsInvalid({"activations as int8", "weights as int8 or int4",
                           absl::StrCat("not as ", std::string(Name(type)))}));
  }
  EXPECT_THAT(folder.Load(kernels::Precision(WeightType::kInt8, kActivations)), IsOk());
  EXPECT_THAT(folder.Load(kernels::Precision(WeightType::kInt4, kActivations)), IsOk());
}

TEST(Gpt2WeightsRefusalsTest, Int16ActivationsNeedBf16Weights) {
  const WeightsFolder folder;
  constexpr auto kActivations = kernels::ActivationType::kInt16;
  for (const WeightType type : {WeightType::kF32, WeightType::kF16, WeightType::kInt8}) {
    EXPECT_THAT(folder.Load(kernels::Precision(type, kActivations)),
                IsInvalid({"activations as int16", "weights as bf16,",
                           absl::StrCat("not as ", std::string(Name(type)))}));
  }
  EXPECT_THAT(folder.Load(kernels::Precision(WeightType::kBf16, kActivations)), IsOk());
}

TEST(Gpt2WeightsRefusalsTest, RefusesATransposedMatrixAndAnExtraDimension) {
  WeightsFolder folder;
  folder.Tensor("h.0.attn.c_attn.weight").shape = {18, 6};
  EXPECT_THAT(folder.Load(),
              IsInvalid({"\"h.0.attn.c_attn.weight\"", "[6, 18]", "[18, 6]", "it is transposed"}));
  WeightsFolder another;
  another.Tensor("ln_f.bias").shape = {1, 6};
  EXPECT_THAT(another.Load(), IsInvalid({"\"ln_f.bias\"", "shape [6]", "found [1, 6]"}));
}

TEST(Gpt2WeightsRefusalsTest, NamesTheTensorWhoseTypeIsWrong) {
  const std::pair<std::string, std::size_t> wrong_types[] = {{"I64", 8}, {"U8", 1}, {"I8", 1}};
  for (const auto& [dtype, bytes] : wrong_types) {
    WeightsFolder folder;
    TensorSpec& tensor = folder.Tensor("h.1.mlp.c_proj.bias");
    tensor.dtype = dtype;
    tensor.bytes = std::string(6 * bytes, '\0');
    EXPECT_THAT(folder.Load(),
                IsInvalid({folder.path(), "tensor \"h.1.mlp.c_proj.bias\"",
                           absl::StrCat("expected F32, F16, BF16 or F64, found ", dtype)}));
  }
}

TEST(Gpt2WeightsRefusalsTest, RefusesABlockBeyondTheLast) {
  WeightsFolder folder;
  TensorSpec further = folder.Tensor("h.1.ln_1.bias");
  further.name = "h.2.ln_1.bias";
  folder.tensors().push_back(further);
  EXPECT_THAT(folder.Load(),
              IsInvalid({folder.path(), "tensor \"h.2.ln_1.bias\"", "expected 2 blocks"}));
}

TEST(Gpt2WeightsRefusalsTest, SaysWhatToBringWhereThereAreNoWeights) {
  const TempDir folder;
  InlineExecutor executor;
  EXPECT_THAT(LoadWeights(HuggingFaceFolder(folder.path()), SmallConfig(), {}, executor),
              Refuses(absl::StatusCode::kNotFound,
                      Parts{folder.path(), "model.safetensors or model.safetensors.index.json"}));
}

TEST(Gpt2WeightsRefusalsTest, NamesTheFileThatIsTruncated) {
  const WeightsFolder folder;
  ASSERT_THAT(folder.Load(), IsOk());
  const std::string whole = cascade::testing::Safetensors(SmallTensors());
  for (const std::size_t length :
       {std::size_t{0}, std::size_t{7}, std::size_t{100}, whole.size() - 1}) {
    folder.dir().WriteFile("model.safetensors", whole.substr(0, length));
    EXPECT_THAT(folder.LoadAsIs(), IsInvalid({folder.path()})) << length;
  }
}

// Whatever a file says: weights of the configured shapes, or one refusal that names the file.
TEST(Gpt2WeightsRefusalsTest, MutatedFilesLoadWholeOrNotAtAll) {
  const WeightsFolder folder;
  const std::string valid = cascade::testing::Safetensors(SmallTensors());
  const std::size_t header_end = valid.size() - 4 * SmallConfig().ParameterCount();
  std::mt19937_64 random(11);
  std::size_t accepted = 0;
  for (int round = 0; round < 500; ++round) {
    std::string file = valid;
    const std::size_t range = round % 2 == 0 ? file.size() : header_end;
    file[random() % range] = static_cast<char>(random());
    folder.dir().WriteFile("model.safetensors", file);
    const auto loaded = folder.LoadAsIs();
    if (!loaded.ok()) {
      EXPECT_THAT(loaded, IsInvalid({folder.dir().path()}));
      continue;
    }
    ++accepted;
    EXPECT_EQ(loaded->report.parameters, SmallConfig().ParameterCount());
  }
  EXPECT_GT(accepted, 0U);
  EXPECT_LT(accepted, 500U);
}

}  // namespace
}  // namespace cascade::model
