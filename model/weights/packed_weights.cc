// SPDX-License-Identifier: Apache-2.0

#include "model/weights/packed_weights.h"

#include <cstring>
#include <map>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/weights/gpt2_weights.h"
#include "model/weights/packed_file.h"
#include "model/weights/packed_file_writer.h"

namespace cascade::model {
namespace {

using kernels::PackedMatrix;
using kernels::WeightType;

constexpr absl::string_view kIdentity = "identity";
constexpr absl::string_view kNaNCount = "nan_count";
constexpr absl::string_view kFingerprint = "fingerprint";

// The file's metadata: its identity, and the numbers of the report that only reading the source
// tells. The types are for people who look at the file.
std::map<std::string, std::string> MetadataFor(const std::string& identity,
                                               const WeightsReport& report) {
  return {{std::string(kIdentity), identity},
          {"stored_type", std::string(Name(report.stored_type))},
          {"memory_type", std::string(Name(report.memory_type))},
          {std::string(kNaNCount), absl::StrCat(report.nan_count)},
          {std::string(kFingerprint), report.fingerprint}};
}

// Fills in the numbers of the report that only reading the source tells. The file was verified, so
// its metadata is what MetadataFor made.
void AddMetadata(const PackedFile& file, WeightsReport& report) {
  (void)absl::SimpleAtoi(file.MetadataOf(kNaNCount), &report.nan_count);
  report.fingerprint = std::string(file.MetadataOf(kFingerprint));
}

std::span<const std::byte> Contents(const Gpt2Tensor& row) {
  return row.matrix != nullptr ? row.matrix->contents() : std::as_bytes(std::span(*row.values));
}

void Empty(const Gpt2Tensor& row) {
  if (row.matrix != nullptr) {
    *row.matrix = {};
  } else {
    *row.values = {};
  }
}

// Fills the row's matrix, which borrows the file's bytes, or its vector, which copies them.
absl::Status Fill(const Gpt2Tensor& row, WeightType type, const PackedFile& file) {
  const auto bytes = file.Find(row.name, row.BytesInMemory(type));
  if (!bytes.ok()) return bytes.status();
  if (row.matrix != nullptr) {
    *row.matrix = PackedMatrix::Borrow(row.n_in(), row.n_out(), row.TypeInMemory(type), *bytes);
  } else {
    row.values->resize(row.ElementCount());
    std::memcpy(row.values->data(), bytes->data(), bytes->size());
  }
  return absl::OkStatus();
}

}  // namespace

PackedFileOutcome PackedWeights::ReadOrMake(const Gpt2Source::ReadOptions& options,
                                            Executor& executor, LoadedWeights& loaded) {
  absl::Status read = Read(options, executor, loaded);
  if (read.ok()) return {.use = PackedFileUse::kRead, .reason = ""};
  absl::Status made = MakeAndRead(options, executor, loaded);
  if (made.ok()) return {.use = PackedFileUse::kMade, .reason = std::string(read.message())};
  return {.use = PackedFileUse::kFailed, .reason = std::string(made.message())};
}

absl::Status PackedWeights::Read(const Gpt2Source::ReadOptions& options, Executor& executor,
                                 LoadedWeights& loaded) const {
  absl::StatusOr<MappedFile> mapped = MappedFile::Open(path_);
  if (!mapped.ok()) return mapped.status();
  const absl::StatusOr<PackedFile> file = PackedFile::Parse(mapped->bytes(), path_);
  if (!file.ok()) return file.status();
  if (file->MetadataOf(kIdentity) != source_.Identity(options.type)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": made of other weight files, or for other settings"));
  }
  mapped->WillBeReadOften();
  if (absl::Status verified = file->Verify(executor); !verified.ok()) return verified;
  for (const Gpt2Tensor& row : table_) {
    if (absl::Status filled = Fill(row, options.type, *file); !filled.ok()) return filled;
  }
  loaded.report = source_.ReportFor(options.type);
  AddMetadata(*file, loaded.report);
  loaded.weights.packed_file = *std::move(mapped);
  return absl::OkStatus();
}

absl::Status PackedWeights::MakeAndRead(const Gpt2Source::ReadOptions& options, Executor& executor,
                                        LoadedWeights& loaded) const {
  absl::StatusOr<PackedFileWriter> writer = PackedFileWriter::Lock(path_);
  if (!writer.ok()) return writer.status();
  // Another process may have made the file while this one waited for the lock.
  if (Read(options, executor, loaded).ok()) return absl::OkStatus();

  std::vector<std::string> names;
  for (const Gpt2Tensor& row : table_) names.push_back(row.name);
  if (absl::Status begun = writer->Begin(names); !begun.ok()) return begun;
  WeightsReport report;
  absl::Status read = source_.Read(options, executor, report, [&](const Gpt2Tensor& row) {
    absl::Status written = writer->Append(row.name, Contents(row));
    Empty(row);
    return written;
  });
  if (!read.ok()) return read;
  absl::Status finished = writer->Finish(MetadataFor(source_.Identity(options.type), report));
  if (!finished.ok()) return finished;
  return Read(options, executor, loaded);
}

}  // namespace cascade::model
