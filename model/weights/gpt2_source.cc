// SPDX-License-Identifier: Apache-2.0

#include "model/weights/gpt2_source.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "model/json_document.h"
#include "model/weights/absent_biases.h"
#include "model/weights/digest.h"
#include "model/weights/elements.h"

namespace cascade::model {
namespace {

using kernels::ElementType;
using kernels::Precision;
using kernels::WeightType;

std::string ShapeText(const std::vector<std::size_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// True if PEFT has wrapped layers for an adapter.
bool HasAdapter(const WeightFiles& files) {
  return std::any_of(files.entries().begin(), files.entries().end(), [](const auto& entry) {
    return absl::StrContains(entry.first, ".lora_") ||
           absl::StrContains(entry.first, ".base_layer.");
  });
}

absl::Status CheckTensor(const Gpt2Tensor& row, const WeightFiles& files) {
  const WeightFiles::Entry* entry = files.Find(row.name);
  if (entry == nullptr && !files.WhyAbsent(row.name).empty()) {
    return absl::InvalidArgumentError(files.WhyAbsent(row.name));
  }
  if (entry == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        files.name(), ": tensor \"", row.name, "\": expected shape ", ShapeText(row.shape),
        ", found in no weight file, with or without the prefix \"transformer.\"",
        HasAdapter(files) ? ": the weights are those of a model with an adapter (LoRA): merge it"
                          : ""));
  }
  const std::string where = absl::StrCat(files.PathOf(*entry), ": tensor \"", row.name, "\": ");
  if (entry->tensor.shape != row.shape) {
    const std::vector<std::size_t> transposed(row.shape.rbegin(), row.shape.rend());
    return absl::InvalidArgumentError(absl::StrCat(
        where, "expected shape ", ShapeText(row.shape), ", as config.json has it, found ",
        ShapeText(entry->tensor.shape),
        entry->tensor.shape == transposed
            ? ": it is transposed, as torch.nn.Linear and nanoGPT store it; transformers does not"
            : ""));
  }
  if (FindStoredType(entry->tensor.dtype) == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "expected ", StoredTypeNames(), ", found ", entry->tensor.dtype));
  }
  return absl::OkStatus();
}

// A block beyond the configured ones would silently be left out, and the rest would run and
// generate nonsense. Any other name that is not in the table is a buffer or another head.
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
                      const std::set<std::string>& absent, const WeightFiles& files) {
  for (const Gpt2Tensor& row : table) {
    if (absent.contains(row.name)) continue;
    if (absl::Status checked = CheckTensor(row, files); !checked.ok()) return checked;
  }
  return CheckNoFurtherBlock(config, files);
}

const StoredType& TypeOf(const WeightFiles::Entry& entry) {
  return *FindStoredType(entry.tensor.dtype);  // CheckTensor found it
}

// A sentence about the names, of which a few are shown; empty without names.
std::string About(const WeightFiles& files, const std::vector<std::string>& names,
                  absl::string_view what) {
  constexpr std::size_t kShown = 3;
  if (names.empty()) return "";
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min(kShown, names.size()); ++i) {
    shown.push_back(Quoted(names[i]));
  }
  return absl::StrCat(
      files.name(), ": ", what, ": ", absl::StrJoin(shown, ", "),
      names.size() > kShown ? absl::StrCat(" and ", names.size() - kShown, " more") : "");
}

// The tensors that are neither in the table nor buffers, which carry no weights. `config` ties the
// head: a stored one has the embedding's values.
std::vector<std::string> Unused(const std::vector<Gpt2Tensor>& table, const WeightFiles& files) {
  std::set<absl::string_view> used = {"lm_head.weight"};
  for (const Gpt2Tensor& row : table) used.insert(row.name);
  std::vector<std::string> unused;
  for (const auto& [name, entry] : files.entries()) {
    const bool is_buffer =
        absl::EndsWith(name, "attn.bias") || absl::EndsWith(name, "attn.masked_bias");
    if (!used.contains(name) && !is_buffer) unused.push_back(name);
  }
  return unused;
}

// As stored_type() says.
ElementType CommonType(const std::vector<Gpt2Tensor>& table, const WeightFiles& files) {
  const ElementType first = TypeOf(*files.Find(table.front().name)).type;
  for (const Gpt2Tensor& row : table) {
    if (row.matrix != nullptr && TypeOf(*files.Find(row.name)).type != first) {
      return ElementType::kF32;
    }
  }
  return first;
}

// The numbers of the configuration that results depend on and that the tensors' shapes do not tell.
// Part of the fingerprint: a change here changes every model's fingerprint.
std::string ConfigText(const ModelConfig& config) {
  return absl::StrCat(
      "n_head=", config.n_head,
      " epsilon=", absl::Hex(std::bit_cast<std::uint32_t>(config.layer_norm_epsilon)),
      " activation=", static_cast<int>(config.activation), " scale=", config.scale_attn_weights,
      " inverse_layer_scale=", config.scale_attn_by_inverse_layer_idx);
}

// int8 and int4 cannot represent NaN or infinity, nor is there a scale for the finite weights that
// share it with one.
absl::Status CheckQuantized(const Gpt2Tensor& row, const WeightFiles& files,
                            const WeightFiles::Entry& entry) {
  const std::optional<std::size_t> column = row.matrix->FindNonFiniteColumn();
  if (!column) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      files.PathOf(entry), ": tensor \"", row.name, "\": ", std::string(Name(row.matrix->type())),
      " needs finite weights, found NaN or infinity among those of output ", *column,
      "; f32, bf16 and f16 can hold them"));
}

// Packs a matrix. Elements that the kernels do not read as they are stored are widened first: then
// memory holds the tensor twice.
kernels::PackedMatrix Pack(const Gpt2Tensor& row, std::span<const std::byte> bytes,
                           const StoredType& stored, const Precision& precision,
                           Executor& executor) {
  std::vector<float> widened;
  if (!stored.is_as_in_memory()) {
    widened = stored.widen(bytes);
    bytes = std::as_bytes(std::span(widened));
  }
  return kernels::PackedMatrix::Pack(row.Source(bytes, stored.type), precision, executor);
}

// Fills the matrix or vector that `row` points to.
absl::Status Convert(const Gpt2Tensor& row, const WeightFiles& files,
                     const WeightFiles::Entry& entry, const Precision& precision,
                     Executor& executor) {
  const StoredType& stored = TypeOf(entry);
  try {
    if (row.matrix == nullptr) {
      *row.values = stored.widen(entry.tensor.bytes);
      return absl::OkStatus();
    }
    *row.matrix = Pack(row, entry.tensor.bytes, stored, row.PrecisionInMemory(precision), executor);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(files.PathOf(entry), ": tensor \"", row.name,
                                                     "\": no memory for its ",
                                                     row.BytesInMemory(precision), " bytes"));
  }
  return CheckQuantized(row, files, entry);
}

// A few bytes from the middle of a tensor.
std::span<const std::byte> Sample(const StoredTensor& tensor) {
  constexpr std::size_t kSampleBytes = 64;
  const std::size_t size = std::min(kSampleBytes, tensor.bytes.size());
  return tensor.bytes.subspan((tensor.bytes.size() - size) / 2, size);
}

}  // namespace

absl::StatusOr<Gpt2Source> Gpt2Source::Open(WeightFiles files, const ModelConfig& config,
                                            const std::vector<Gpt2Tensor>& table) {
  std::set<std::string> absent = AbsentBiases(table, files);
  if (absl::Status checked = CheckAll(table, config, absent, files); !checked.ok()) return checked;
  Gpt2Source source(table, std::move(files));
  source.absent_ = std::move(absent);
  for (std::string warning : {About(source.files_, {source.absent_.begin(), source.absent_.end()},
                                    "biases that are not stored are zeros"),
                              About(source.files_, Unused(table, source.files_),
                                    "tensors that are no part of a GPT-2 are not used")}) {
    if (!warning.empty()) source.warnings_.push_back(std::move(warning));
  }
  source.stored_type_ = CommonType(table, source.files_);
  source.config_text_ = ConfigText(config);
  return source;
}

absl::StatusOr<std::string> Gpt2Source::Identity(const Precision& precision) const {
  WeightsDigest digest;
  digest.AddText(absl::StrCat("layout ", kernels::kPackedLayoutVersion));
  digest.AddText(config_text_);
  digest.AddText(files_.Stamp());
  for (const Gpt2Tensor& row : table_) {
    if (absent_.contains(row.name)) continue;
    const WeightFiles::Entry& entry = *files_.Find(row.name);
    const Precision in_memory =
        row.matrix != nullptr ? row.PrecisionInMemory(precision) : WeightType::kF32;
    digest.AddText(absl::StrCat(row.name, " ", entry.tensor.dtype, " ", ShapeText(row.shape),
                                " as ", Name(in_memory)));
    const std::span<const std::byte> sample = Sample(entry.tensor);
    if (absl::Status read = files_.Read(entry, sample); !read.ok()) return read;
    digest.AddText({reinterpret_cast<const char*>(sample.data()), sample.size()});
    files_.Release(entry);
  }
  return digest.Hex();
}

WeightsReport Gpt2Source::ReportFor(const Precision& precision) const {
  WeightsReport report;
  report.stored_type = stored_type_;
  report.precision = precision;
  report.stored_bytes = bytes();
  report.warnings = warnings_;
  for (const Gpt2Tensor& row : table_) {
    report.memory_bytes += row.BytesInMemory(precision);
    report.parameters += row.ElementCount();
  }
  return report;
}

absl::Status Gpt2Source::Read(const ReadOptions& options, Executor& executor, WeightsReport& report,
                              absl::FunctionRef<absl::Status(const Gpt2Tensor&)> on_tensor) const {
  files_.WillBeRead();
  report = ReportFor(options.precision);
  WeightsDigest digest;
  digest.AddText(config_text_);
  std::size_t done = 0;
  for (const Gpt2Tensor& row : table_) {
    if (absent_.contains(row.name)) {
      row.values->assign(row.ElementCount(), 0.0F);
      if (absl::Status status = on_tensor(row); !status.ok()) return status;
      continue;
    }
    const WeightFiles::Entry& entry = *files_.Find(row.name);
    if (absl::Status read_bytes = files_.Read(entry); !read_bytes.ok()) return read_bytes;
    digest.Add(row.name, entry.tensor, TypeOf(entry));
    absl::Status converted = Convert(row, files_, entry, options.precision, executor);
    if (!converted.ok()) return converted;
    files_.Release(entry);
    if (absl::Status status = on_tensor(row); !status.ok()) return status;
    done += entry.tensor.bytes.size();
    if (!options.on_progress) continue;
    if (absl::Status status = options.on_progress(done, bytes()); !status.ok()) return status;
  }
  report.nan_count = digest.counts().nans;
  report.infinity_count = digest.counts().infinities;
  if (options.precision.weights == WeightType::kF16) {
    report.overflow_count = digest.counts().beyond_f16;
  }
  report.fingerprint = digest.Hex();
  return files_.CheckUnchanged();
}

}  // namespace cascade::model
