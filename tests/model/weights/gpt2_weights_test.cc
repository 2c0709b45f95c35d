// SPDX-License-Identifier: Apache-2.0

#include "model/weights/gpt2_weights.h"

#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/weights/elements.h"
#include "tests/model/weights/weights_folder.h"
#include "tests/support/source_path.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using cascade::testing::IsOk;
using cascade::testing::StoredBytes;
using cascade::testing::TensorSpec;
using kernels::ElementType;
using kernels::PackedMatrix;
using kernels::WeightType;

std::vector<float> Column(const PackedMatrix& matrix, std::size_t column) {
  std::vector<float> values(matrix.n_in());
  matrix.CopyColumn(column, values);
  return values;
}

std::vector<float> Values(const TensorSpec& spec) {
  return FindStoredType(spec.dtype)->widen(std::as_bytes(std::span(spec.bytes)));
}

TEST(Gpt2WeightsTest, PutsEveryTensorInItsPlace) {
  WeightsFolder folder(UntiedConfig());
  const auto loaded = folder.Load();
  ASSERT_THAT(loaded, IsOk());
  const Gpt2Weights& weights = loaded->weights;
  const auto expect_values = [&](const std::string& name, const std::vector<float>& values) {
    EXPECT_EQ(values, Values(folder.Tensor(name))) << name;
  };
  // Stored as [n_in, n_out]: column c is every n_out-th value from c on.
  const auto expect_conv1d = [&](const std::string& name, const PackedMatrix& matrix) {
    const TensorSpec& spec = folder.Tensor(name);
    const std::vector<float> stored = Values(spec);
    ASSERT_EQ(matrix.n_in(), spec.shape[0]) << name;
    ASSERT_EQ(matrix.n_out(), spec.shape[1]) << name;
    for (std::size_t c = 0; c < matrix.n_out(); ++c) {
      const std::vector<float> column = Column(matrix, c);
      for (std::size_t k = 0; k < matrix.n_in(); ++k) {
        ASSERT_EQ(column[k], stored[k * matrix.n_out() + c]) << name << " " << k << " " << c;
      }
    }
  };
  // Stored as [n_out, n_in]: column c is row c.
  const auto expect_embedding = [&](const std::string& name, const PackedMatrix& matrix) {
    const std::vector<float> stored = Values(folder.Tensor(name));
    for (std::size_t c = 0; c < matrix.n_out(); ++c) {
      const auto row = stored.begin() + static_cast<std::ptrdiff_t>(c * matrix.n_in());
      ASSERT_EQ(Column(matrix, c),
                std::vector<float>(row, row + static_cast<std::ptrdiff_t>(matrix.n_in())))
          << name << " " << c;
    }
  };

  expect_embedding("wte.weight", weights.wte);
  expect_values("wpe.weight", weights.wpe);
  ASSERT_EQ(weights.h.size(), 2U);
  for (std::size_t layer = 0; layer < 2; ++layer) {
    const TransformerBlockWeights& block = weights.h[layer];
    const std::string h = absl::StrCat("h.", layer, ".");
    expect_values(h + "ln_1.weight", block.ln_1.gamma);
    expect_values(h + "ln_1.bias", block.ln_1.beta);
    expect_conv1d(h + "attn.c_attn.weight", block.attn.c_attn.weight);
    expect_values(h + "attn.c_attn.bias", block.attn.c_attn.bias);
    expect_conv1d(h + "attn.c_proj.weight", block.attn.c_proj.weight);
    expect_values(h + "attn.c_proj.bias", block.attn.c_proj.bias);
    expect_values(h + "ln_2.weight", block.ln_2.gamma);
    expect_values(h + "ln_2.bias", block.ln_2.beta);
    expect_conv1d(h + "mlp.c_fc.weight", block.mlp.c_fc.weight);
    expect_values(h + "mlp.c_fc.bias", block.mlp.c_fc.bias);
    expect_conv1d(h + "mlp.c_proj.weight", block.mlp.c_proj.weight);
    expect_values(h + "mlp.c_proj.bias", block.mlp.c_proj.bias);
  }
  expect_values("ln_f.weight", weights.ln_f.gamma);
  expect_values("ln_f.bias", weights.ln_f.beta);
  ASSERT_TRUE(weights.lm_head.has_value());
  expect_embedding("lm_head.weight", *weights.lm_head);
}

TEST(Gpt2WeightsTest, ReportsWhatItLoaded) {
  const WeightsFolder folder(SmallConfig(), ElementType::kF16);
  const auto loaded = folder.Load(WeightType::kF32);
  ASSERT_THAT(loaded, IsOk());
  const WeightsReport& report = loaded->report;
  EXPECT_EQ(report.stored_type, ElementType::kF16);
  EXPECT_EQ(report.precision, WeightType::kF32);
  EXPECT_EQ(report.parameters, SmallConfig().ParameterCount());
  EXPECT_GT(report.stored_bytes, 2 * report.parameters);  // and the header
  EXPECT_GE(report.memory_bytes, 4 * report.parameters);  // and the panels' padding
  EXPECT_EQ(report.nan_count, 0U);
  EXPECT_EQ(report.fingerprint.size(), 32U);
}

TEST(Gpt2WeightsTest, EveryStoredTypeGivesTheSameValues) {
  const LoadedWeights wide = WeightsFolder(SmallConfig(), ElementType::kF32).Load().value();
  for (const ElementType type : {ElementType::kF16, ElementType::kBf16}) {
    const auto loaded = WeightsFolder(SmallConfig(), type).Load();
    ASSERT_THAT(loaded, IsOk());
    EXPECT_EQ(loaded->report.stored_type, type);
    EXPECT_EQ(loaded->report.precision, ExactWeightType(type));
    EXPECT_EQ(loaded->weights.wte.type(), ExactWeightType(type));
    EXPECT_EQ(Column(loaded->weights.wte, 36), Column(wide.weights.wte, 36));
    EXPECT_EQ(Column(loaded->weights.h[1].mlp.c_fc.weight, 19),
              Column(wide.weights.h[1].mlp.c_fc.weight, 19));
    EXPECT_EQ(loaded->weights.wpe, wide.weights.wpe);
    EXPECT_NE(loaded->report.fingerprint, wide.report.fingerprint);  // other bytes
  }
}

TEST(Gpt2WeightsTest, PacksAsTheTypeAskedFor) {
  const WeightsFolder folder;
  const auto loaded = folder.Load(WeightType::kBf16);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->weights.wte.type(), WeightType::kBf16);
  EXPECT_EQ(loaded->weights.h[0].attn.c_attn.weight.type(), WeightType::kBf16);
  EXPECT_EQ(loaded->report.precision, WeightType::kBf16);
  // The fingerprint is the file's: the weight type is told apart elsewhere.
  EXPECT_EQ(loaded->report.fingerprint, folder.LoadAsIs()->report.fingerprint);
}

TEST(Gpt2WeightsTest, RoundsEveryMatrixToInt8AndNoVector) {
  const WeightsFolder folder(SmallConfig(), ElementType::kF16);
  const LoadedWeights exact = folder.Load(WeightType::kF32).value();
  const auto loaded = folder.Load(WeightType::kInt8);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.precision, WeightType::kInt8);
  EXPECT_EQ(loaded->report.stored_type, ElementType::kF16);
  EXPECT_EQ(loaded->report.fingerprint, exact.report.fingerprint);
  EXPECT_EQ(loaded->weights.wte.type(), WeightType::kInt8);
  EXPECT_EQ(loaded->weights.h[0].mlp.c_proj.weight.type(), WeightType::kInt8);
  EXPECT_EQ(loaded->weights.wpe, exact.weights.wpe);
  EXPECT_EQ(loaded->weights.h[0].attn.c_attn.bias, exact.weights.h[0].attn.c_attn.bias);
}

TEST(Gpt2WeightsTest, Int8ActivationsChangeNoWeight) {
  const WeightsFolder folder;
  const LoadedWeights by_f32 = folder.Load(WeightType::kInt8).value();
  const auto loaded =
      folder.Load(kernels::Precision(WeightType::kInt8, kernels::ActivationType::kInt8));
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.precision.activations, kernels::ActivationType::kInt8);
  EXPECT_EQ(loaded->report.fingerprint, by_f32.report.fingerprint);
  EXPECT_EQ(loaded->report.memory_bytes, by_f32.report.memory_bytes);
  std::vector<float> column(loaded->weights.wte.n_in());
  std::vector<float> same(column.size());
  loaded->weights.wte.CopyColumn(3, column);
  by_f32.weights.wte.CopyColumn(3, same);
  EXPECT_EQ(column, same);
}

TEST(Gpt2WeightsTest, KeepsEmbeddingAndHeadInInt8BesideInt4) {
  for (const kernels::ActivationType activations :
       {kernels::ActivationType::kF32, kernels::ActivationType::kInt8}) {
    const kernels::Precision int4(WeightType::kInt4, activations);
    const kernels::Precision int8(WeightType::kInt8, activations);
    const auto loaded = WeightsFolder(UntiedConfig()).Load(int4);
    ASSERT_THAT(loaded, IsOk());
    EXPECT_EQ(loaded->report.precision, int4);
    EXPECT_EQ(loaded->weights.wte.precision(), int8);
    EXPECT_EQ(loaded->weights.Head().precision(), int8);
    EXPECT_EQ(loaded->weights.h[0].attn.c_attn.weight.precision(), int4);
    EXPECT_EQ(loaded->weights.h[0].mlp.c_proj.weight.precision(), int4);
  }
}

TEST(Gpt2WeightsTest, MatricesOfSeveralTypesBecomeFloat32) {
  WeightsFolder folder(SmallConfig(), ElementType::kF16);
  TensorSpec& tensor = folder.Tensor("h.0.mlp.c_fc.weight");
  tensor.bytes = StoredBytes(Values(tensor), ElementType::kBf16);
  tensor.dtype = "BF16";
  const auto loaded = folder.Load();
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.stored_type, ElementType::kF32);
  EXPECT_EQ(loaded->weights.wte.type(), WeightType::kF32);
  EXPECT_EQ(Column(loaded->weights.h[0].mlp.c_fc.weight, 0)[0], Values(tensor)[0]);
}

TEST(Gpt2WeightsTest, TakesNamesWithThePrefix) {
  const auto plain = WeightsFolder().Load();
  const auto prefixed = WeightsFolder(SmallConfig(), ElementType::kF32, "transformer.").Load();
  ASSERT_THAT(plain, IsOk());
  ASSERT_THAT(prefixed, IsOk());
  EXPECT_EQ(prefixed->report.fingerprint, plain->report.fingerprint);
}

TEST(Gpt2WeightsTest, TheFingerprintSeesWhatTheShapesDoNotTell) {
  WeightsFolder folder;
  const std::string plain = folder.Load()->report.fingerprint;
  std::vector<ModelConfig> others(4, SmallConfig());
  others[0].n_head *= 2;
  others[1].layer_norm_epsilon *= 2;
  others[2].activation = kernels::Activation::kRelu;
  others[3].scale_attn_by_inverse_layer_idx = true;
  InlineExecutor executor;
  for (const ModelConfig& other : others) {
    const auto loaded = LoadWeights(HuggingFaceFolder(folder.dir().path()), other, {}, executor);
    ASSERT_THAT(loaded, IsOk());
    EXPECT_NE(loaded->report.fingerprint, plain);
  }
}

TEST(Gpt2WeightsTest, IgnoresBuffersOfAnyType) {
  WeightsFolder folder;
  const std::string plain = folder.Load()->report.fingerprint;
  folder.tensors().push_back({"h.0.attn.bias", "U8", {1, 1, 5, 5}, std::string(25, '\1')});
  folder.tensors().push_back({"h.1.attn.bias", "BOOL", {1, 1, 5, 5}, std::string(25, '\1')});
  folder.tensors().push_back({"h.0.attn.masked_bias", "F32", {}, std::string(4, '\0')});
  folder.tensors().push_back({"score.weight", "I64", {1}, std::string(8, '\0')});
  const auto loaded = folder.Load();
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.fingerprint, plain);
  EXPECT_EQ(loaded->report.parameters, SmallConfig().ParameterCount());
}

TEST(Gpt2WeightsTest, CountsNaNsAndLoadsThem) {
  WeightsFolder folder;
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  folder.Tensor("ln_f.bias").bytes =
      StoredBytes(std::vector<float>{0, kNaN, 0, kNaN, 0, 0}, ElementType::kF32);
  const auto loaded = folder.Load();
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.nan_count, 2U);
  EXPECT_EQ(loaded->report.infinity_count, 0U);
  EXPECT_TRUE(std::isnan(loaded->weights.ln_f.beta[1]));
}

TEST(Gpt2WeightsTest, CountsInfinitiesAndWhatFloat16MakesInfinite) {
  WeightsFolder folder;
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  folder.Tensor("ln_f.bias").bytes =
      StoredBytes(std::vector<float>{-kInfinity, 0, 1e6F, 0, 0, 0}, ElementType::kF32);
  EXPECT_EQ(folder.Load()->report.infinity_count, 1U);
  EXPECT_EQ(folder.Load()->report.overflow_count, 0U);
  EXPECT_EQ(folder.Load(WeightType::kBf16)->report.overflow_count, 0U);
  EXPECT_EQ(folder.Load(WeightType::kF16)->report.overflow_count, 1U);
}

TEST(Gpt2WeightsTest, LoadsTheBundledModel) {
  const std::string folder = testing::BundledModelFolder();
  InlineExecutor executor;
  const auto config = HuggingFaceFolder(folder).ReadConfig();
  ASSERT_THAT(config, IsOk());
  const auto loaded = LoadWeights(HuggingFaceFolder(folder), *config, {}, executor);
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->report.parameters, 7'498'240U);
  EXPECT_EQ(loaded->report.stored_type, ElementType::kF16);
  EXPECT_EQ(loaded->report.precision, WeightType::kF16);
  EXPECT_EQ(loaded->report.stored_bytes, 15'006'272U);
  EXPECT_EQ(loaded->report.nan_count, 0U);
  EXPECT_EQ(loaded->weights.wte.n_out(), 4096U);
  EXPECT_EQ(loaded->weights.h.size(), 8U);
  EXPECT_EQ(loaded->report.fingerprint, "aba449db84703e0486162ed28be3e995");
}

}  // namespace
}  // namespace cascade::model
