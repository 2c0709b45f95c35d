// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/checked_model.h"

#include "model/source/model_source.h"

namespace cascade::model {

absl::StatusOr<std::unique_ptr<CheckedModel>> CheckedModel::Open(CheckedFolders folders) {
  absl::StatusOr<ModelConfig> config = OpenModelSource(folders.model)->ReadConfig();
  if (!config.ok()) return config.status();
  std::optional<GoldenData> golden;
  if (!folders.golden.empty()) {
    absl::StatusOr<GoldenData> opened = GoldenData::Open(folders.golden, *config);
    if (!opened.ok()) return opened.status();
    golden = *std::move(opened);
  }
  // The constructor is private, so make_unique cannot reach it.
  return std::unique_ptr<CheckedModel>(
      new CheckedModel(std::move(folders), *std::move(config), std::move(golden)));
}

absl::StatusOr<const Gpt2Weights*> CheckedModel::Weights() {
  if (!weights_) {
    whole_.reset();  // first: the weights of a large model do not fit twice
    absl::StatusOr<LoadedWeights> loaded =
        LoadWeights(*OpenModelSource(folders_.model), config_, {}, executor_);
    if (!loaded.ok()) return loaded.status();
    weights_ = std::move(loaded->weights);
  }
  return &*weights_;
}

absl::StatusOr<Gpt2*> CheckedModel::WholeModel() {
  if (!whole_) {
    const absl::Status status = Weights().status();
    if (!status.ok()) return status;
    whole_.emplace(config_, *std::move(weights_), config_.n_ctx, executor_);
    weights_.reset();
  }
  return &*whole_;
}

absl::StatusOr<KvCache> CheckedModel::MakeCache(std::size_t positions) const {
  return KvCache::Create(config_, KvCache::BlocksFor(positions));
}

absl::StatusOr<Tokenizer> CheckedModel::LoadTokenizer() const {
  absl::StatusOr<Tokenizer> own = OpenModelSource(folders_.model)->ReadTokenizer();
  if (!absl::IsNotFound(own.status()) || folders_.tokenizer.empty()) return own;
  return OpenModelSource(folders_.tokenizer)->ReadTokenizer();
}

}  // namespace cascade::model
