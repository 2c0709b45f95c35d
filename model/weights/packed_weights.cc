// SPDX-License-Identifier: Apache-2.0

#include "model/weights/packed_weights.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "model/weights/file_memory.h"
#include "model/weights/gpt2_weights.h"
#include "model/weights/packed_file.h"
#include "model/weights/packed_file_writer.h"
#include "model/weights/safetensors.h"

namespace cascade::model {
namespace {

using kernels::PackedMatrix;
using kernels::Precision;

constexpr absl::string_view kIdentity = "identity";
constexpr absl::string_view kNaNCount = "nan_count";
constexpr absl::string_view kInfinityCount = "infinity_count";
constexpr absl::string_view kOverflowCount = "overflow_count";
constexpr absl::string_view kFingerprint = "fingerprint";

// The file's metadata: its identity, and the numbers of the report that only reading the source
// tells. The types are for people who look at the file.
std::map<std::string, std::string> MetadataFor(const std::string& identity,
                                               const WeightsReport& report) {
  return {{std::string(kIdentity), identity},
          {"stored_type", std::string(Name(report.stored_type))},
          {"memory_type", std::string(Name(report.precision))},
          {std::string(kNaNCount), absl::StrCat(report.nan_count)},
          {std::string(kInfinityCount), absl::StrCat(report.infinity_count)},
          {std::string(kOverflowCount), absl::StrCat(report.overflow_count)},
          {std::string(kFingerprint), report.fingerprint}};
}

// Fills in the numbers of the report that only reading the source tells. False if the file lacks
// one: an earlier version made it, which counted less.
bool AddMetadata(const PackedFile& file, WeightsReport& report) {
  report.fingerprint = std::string(file.MetadataOf(kFingerprint));
  return absl::SimpleAtoi(file.MetadataOf(kNaNCount), &report.nan_count) &&
         absl::SimpleAtoi(file.MetadataOf(kInfinityCount), &report.infinity_count) &&
         absl::SimpleAtoi(file.MetadataOf(kOverflowCount), &report.overflow_count);
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
absl::Status Fill(const Gpt2Tensor& row, const Precision& precision, const PackedFile& file) {
  const auto bytes = file.Find(row.name, row.BytesInMemory(precision));
  if (!bytes.ok()) return bytes.status();
  if (row.matrix != nullptr) {
    *row.matrix =
        PackedMatrix::Borrow(row.n_in(), row.n_out(), row.PrecisionInMemory(precision), *bytes);
  } else {
    row.values->resize(row.ElementCount());
    std::memcpy(row.values->data(), bytes->data(), bytes->size());
  }
  return absl::OkStatus();
}

// Reads all of the file, on all threads.
absl::Status ReadAll(const FileMemory& file, Executor& executor) {
  constexpr std::size_t kPieceBytes = std::size_t{16} << 20;
  const std::span<const std::byte> bytes = file.bytes();
  std::vector<absl::Status> statuses((bytes.size() + kPieceBytes - 1) / kPieceBytes);
  executor.ForRanges(statuses.size(), 1, [&](IndexRange range) {
    for (std::size_t i = range.begin; i < range.end; ++i) {
      const std::size_t at = i * kPieceBytes;
      statuses[i] = file.Read(bytes.subspan(at, std::min(kPieceBytes, bytes.size() - at)));
    }
  });
  absl::Status status;
  for (const absl::Status& piece : statuses) status.Update(piece);
  return status;
}

// Brings all of the file into memory: shared, if that is wanted and possible, or as a copy.
absl::Status Fetch(FileMemory& file, bool share, Executor& executor, PackedFileOutcome& outcome) {
  absl::Status shared = share ? file.Share() : absl::CancelledError("sharing was not asked for");
  outcome.reason_not_shared = std::string(shared.message());
  if (shared.ok()) return absl::OkStatus();
  file.WillBeRead();
  return ReadAll(file, executor);
}

}  // namespace

absl::StatusOr<PackedFileOutcome> PackedWeights::ReadOrMake(const Gpt2Source::ReadOptions& options,
                                                            bool share, Executor& executor,
                                                            LoadedWeights& loaded) {
  PackedFileOutcome outcome{.use = PackedFileUse::kRead};
  const absl::Status read = Read(options.precision, share, executor, loaded, outcome);
  if (read.ok()) return outcome;
  outcome.use = PackedFileUse::kMade;
  outcome.reason = std::string(read.message());
  const auto failed = [](const absl::Status& why) {
    return PackedFileOutcome{.use = PackedFileUse::kFailed, .reason = std::string(why.message())};
  };

  absl::StatusOr<PackedFileWriter> writer = PackedFileWriter::Lock(path_);
  if (!writer.ok()) return failed(writer.status());
  // Another process may have made the file while this one waited for the lock.
  if (Read(options.precision, share, executor, loaded, outcome).ok()) return outcome;
  const Ended made = Make(options, executor, *writer);
  if (!made.loading.ok()) return made.loading;
  if (!made.file.ok()) return failed(made.file);
  const absl::Status read_back = Read(options.precision, share, executor, loaded, outcome);
  if (!read_back.ok()) return failed(read_back);
  return outcome;
}

absl::Status PackedWeights::Read(const Precision& precision, bool share, Executor& executor,
                                 LoadedWeights& loaded, PackedFileOutcome& outcome) const {
  absl::StatusOr<FileMemory> memory = FileMemory::Open(path_);
  if (!memory.ok()) return memory.status();
  if (absl::Status read = ReadSafetensorsHeader(*memory); !read.ok()) return read;
  const absl::StatusOr<PackedFile> file = PackedFile::Parse(memory->bytes(), path_);
  if (!file.ok()) return file.status();
  const absl::StatusOr<std::string> identity = source_.Identity(precision);
  if (!identity.ok()) return identity.status();
  if (file->MetadataOf(kIdentity) != *identity) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": made of other weight files, or for other settings"));
  }
  absl::Status fetched = Fetch(*memory, share, executor, outcome);
  if (!fetched.ok()) return fetched;
  if (absl::Status verified = file->Verify(executor); !verified.ok()) return verified;
  for (const Gpt2Tensor& row : table_) {
    if (absl::Status filled = Fill(row, precision, *file); !filled.ok()) return filled;
  }
  loaded.report = source_.ReportFor(precision);
  if (!AddMetadata(*file, loaded.report)) {
    return absl::FailedPreconditionError(absl::StrCat(path_, ": made by an earlier version"));
  }
  loaded.weights.packed_file = std::make_shared<FileMemory>(*std::move(memory));
  return absl::OkStatus();
}

PackedWeights::Ended PackedWeights::Make(const Gpt2Source::ReadOptions& options, Executor& executor,
                                         PackedFileWriter& writer) const {
  std::vector<std::string> names;
  for (const Gpt2Tensor& row : table_) names.push_back(row.name);
  Ended ended{.loading = absl::OkStatus(), .file = writer.Begin(names)};
  if (!ended.ok()) return ended;
  WeightsReport report;
  ended.loading = source_.Read(options, executor, report, [&](const Gpt2Tensor& row) {
    ended.file = writer.Append(row.name, Contents(row));
    Empty(row);
    return ended.file;
  });
  if (!ended.file.ok()) ended.loading = absl::OkStatus();  // it is the same error
  if (!ended.ok()) return ended;
  const absl::StatusOr<std::string> identity = source_.Identity(options.precision);
  ended.loading = identity.status();
  if (ended.ok()) ended.file = writer.Finish(MetadataFor(*identity, report));
  return ended;
}

}  // namespace cascade::model
