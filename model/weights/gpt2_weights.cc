#include "model/weights/gpt2_weights.h"

#include <bit>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "model/json_document.h"
#include "model/weights/digest.h"
#include "model/weights/elements.h"
#include "model/weights/gpt2_tensors.h"
#include "model/weights/weight_files.h"

namespace cascade::model {
namespace {

using kernels::WeightType;

std::string ShapeText(const std::vector<std::size_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

absl::Status CheckTensor(const Gpt2Tensor& row, const WeightFiles& files,
                         const std::string& folder) {
  const WeightFiles::Entry* entry = files.Find(row.name);
  if (entry == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(folder, ": tensor \"", row.name, "\": expected shape ", ShapeText(row.shape),
                     ", found in no weight file, with or without the prefix \"transformer.\""));
  }
  const std::string where = absl::StrCat(files.PathOf(*entry), ": tensor \"", row.name, "\": ");
  if (entry->tensor.shape != row.shape) {
    return absl::InvalidArgumentError(absl::StrCat(where, "expected shape ", ShapeText(row.shape),
                                                   ", as config.json has it, found ",
                                                   ShapeText(entry->tensor.shape)));
  }
  if (!WeightTypeOf(entry->tensor.dtype)) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "expected F32, F16 or BF16, found ", entry->tensor.dtype));
  }
  return absl::OkStatus();
}

// A block beyond the configuration's last would be left out without a word, and the rest would run
// and talk nonsense. Every other name that we do not ask for is a buffer or another head.
absl::Status CheckNoFurtherBlock(const ModelConfig& config, const WeightFiles& files) {
  for (const auto& [name, entry] : files.entries()) {
    absl::string_view rest = name;
    std::uint64_t layer = 0;
    if (!absl::ConsumePrefix(&rest, "h.") ||
        !absl::SimpleAtoi(rest.substr(0, rest.find('.')), &layer) || layer < config.n_layer) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat(files.PathOf(entry), ": tensor ", Quoted(name), ": expected ", config.n_layer,
                     " blocks, as config.json has it, found a further one"));
  }
  return absl::OkStatus();
}

absl::Status CheckAll(const std::vector<Gpt2Tensor>& table, const ModelConfig& config,
                      const WeightFiles& files, const std::string& folder) {
  for (const Gpt2Tensor& row : table) {
    if (absl::Status checked = CheckTensor(row, files, folder); !checked.ok()) return checked;
  }
  return CheckNoFurtherBlock(config, files);
}

WeightType TypeOf(const WeightFiles::Entry& entry) { return *WeightTypeOf(entry.tensor.dtype); }

// The type that holds every stored matrix exactly: theirs, if they have one type, else float32.
WeightType StoredType(const std::vector<Gpt2Tensor>& table, const WeightFiles& files) {
  const WeightType first = TypeOf(*files.Find(table.front().name));
  for (const Gpt2Tensor& row : table) {
    if (row.matrix != nullptr && TypeOf(*files.Find(row.name)) != first) return WeightType::kF32;
  }
  return first;
}

// The numbers of the configuration that a result depends on and that the tensors' shapes do not
// tell, for the fingerprint.
std::string Mathematics(const ModelConfig& config) {
  return absl::StrCat(
      "n_head=", config.n_head,
      " epsilon=", absl::Hex(std::bit_cast<std::uint32_t>(config.layer_norm_epsilon)),
      " activation=", static_cast<int>(config.activation), " scale=", config.scale_attn_weights,
      " inverse_layer_scale=", config.scale_attn_by_inverse_layer_idx);
}

// int8 and int4 have no number for what is not finite, and no scale for the numbers beside it.
absl::Status CheckQuantised(const Gpt2Tensor& row, const WeightFiles& files,
                            const WeightFiles::Entry& entry) {
  const std::optional<std::size_t> column = row.matrix->FindNonFiniteScale();
  if (!column) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      files.PathOf(entry), ": tensor \"", row.name, "\": ", std::string(Name(row.matrix->type())),
      " needs finite weights, found NaN or infinity among those of output ", *column,
      "; f32, bf16 and f16 can hold them"));
}

// Reads, hashes and converts tensor after tensor, and lets go of each before the next: beside the
// result, memory holds one stored tensor at a time.
absl::Status ReadAll(const std::vector<Gpt2Tensor>& table, const ModelConfig& config,
                     const WeightFiles& files, Executor& executor, WeightsReport& report) {
  WeightsDigest digest;
  digest.AddText(Mathematics(config));
  for (const Gpt2Tensor& row : table) {
    const WeightFiles::Entry& entry = *files.Find(row.name);
    const StoredTensor& tensor = entry.tensor;
    digest.Add(row.name, tensor, TypeOf(entry));
    if (row.matrix != nullptr) {
      *row.matrix = kernels::PackedMatrix::Pack(row.Source(tensor.bytes, TypeOf(entry)),
                                                row.TypeInMemory(report.memory_type), executor);
      absl::Status quantised = CheckQuantised(row, files, entry);
      if (!quantised.ok()) return quantised;
      report.memory_bytes += row.matrix->bytes();
    } else {
      *row.values = Widen(tensor.bytes, TypeOf(entry));
      report.memory_bytes += row.values->size() * sizeof(float);
    }
    report.parameters += row.ElementCount();
    files.Release(entry);
  }
  report.nan_count = digest.nan_count();
  report.fingerprint = digest.Hex();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedWeights> LoadGpt2Weights(const std::string& folder, const ModelConfig& config,
                                              std::optional<WeightType> type, Executor& executor) {
  const absl::StatusOr<WeightFiles> files = WeightFiles::Open(folder);
  if (!files.ok()) return files.status();
  LoadedWeights loaded;
  // A tied head is not in the table: a lm_head.weight that lies in the file all the same is
  // ignored, as Hugging Face overwrites it with wte.
  const std::vector<Gpt2Tensor> table = Gpt2Tensors(config, loaded.weights);
  absl::Status checked = CheckAll(table, config, *files, folder);
  if (!checked.ok()) return checked;

  loaded.report.stored_type = StoredType(table, *files);
  loaded.report.memory_type = type.value_or(loaded.report.stored_type);
  loaded.report.stored_bytes = files->bytes();
  absl::Status read = ReadAll(table, config, *files, executor, loaded.report);
  if (!read.ok()) return read;
  return loaded;
}

}  // namespace cascade::model
