// SPDX-License-Identifier: Apache-2.0

#include "model/weights/packed_file_writer.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/weights/file_memory.h"
#include "model/weights/packed_file.h"

namespace cascade::model {
namespace {

constexpr std::size_t kLengthBytes = 8;   // before a safetensors header
constexpr std::size_t kEntryBytes = 128;  // of a header, beside the tensor's name: ample
constexpr std::size_t kMetadataBytes = 4096;

std::span<const std::byte> BytesOf(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// True if `fd` is still the file that `path` names.
bool IsAt(int fd, const std::string& path) {
  struct stat mine = {};
  struct stat named = {};
  return fstat(fd, &mine) == 0 && stat(path.c_str(), &named) == 0 && mine.st_dev == named.st_dev &&
         mine.st_ino == named.st_ino;
}

// False, with errno, if the lock cannot be had.
bool Flock(int fd, int operation) {
  int locked = -1;
  do {
    locked = flock(fd, operation);
  } while (locked != 0 && errno == EINTR);
  return locked == 0;
}

// Waits until no process holds the lock on the file that `path` names. Waits with the file open for
// reading only: open for writing it could not be shared by the process that makes it.
void AwaitUnlocked(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;  // it has just been renamed or removed
  (void)Flock(fd, LOCK_SH);
  close(fd);
}

nlohmann::json Entry(std::size_t begin, std::size_t bytes) {
  return {{"dtype", "U8"}, {"shape", {bytes}}, {"data_offsets", {begin, begin + bytes}}};
}

}  // namespace

absl::StatusOr<PackedFileWriter> PackedFileWriter::Lock(const std::string& path) {
  while (true) {
    PackedFileWriter writer(path, -1);
    writer.fd_ =
        open(writer.TemporaryPath().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (writer.fd_ < 0) return writer.Error("open");
    if (Flock(writer.fd_, LOCK_EX | LOCK_NB)) {
      // The process that held the lock may have renamed or removed the file: then lock the new one.
      if (IsAt(writer.fd_, writer.TemporaryPath())) return writer;
      close(std::exchange(writer.fd_, -1));
      continue;
    }
    const absl::Status error = writer.Error("lock");
    close(std::exchange(writer.fd_, -1));  // not removed: another process may be writing it
    if (!absl::IsUnavailable(error)) return error;
    AwaitUnlocked(writer.TemporaryPath());
  }
}

PackedFileWriter::PackedFileWriter(PackedFileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      header_bytes_(other.header_bytes_),
      data_bytes_(other.data_bytes_),
      entries_(std::move(other.entries_)) {}

PackedFileWriter::~PackedFileWriter() {
  if (fd_ < 0) return;
  unlink(TemporaryPath().c_str());  // still locked: no other process writes it
  close(fd_);
}

absl::Status PackedFileWriter::Error(absl::string_view action) const {
  return absl::ErrnoToStatus(errno, absl::StrCat(TemporaryPath(), ": cannot ", action));
}

absl::Status PackedFileWriter::WriteAt(std::size_t offset, std::span<const std::byte> bytes) const {
  while (!bytes.empty()) {
    const ssize_t written = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error("write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::size_t>(written);
  }
  return absl::OkStatus();
}

absl::Status PackedFileWriter::Begin(const std::vector<std::string>& names) {
  if (ftruncate(fd_, 0) != 0) return Error("empty");  // bytes that are not written read as zeros
  std::size_t bytes = kLengthBytes + kMetadataBytes + kEntryBytes;
  for (const std::string& name : names) bytes += name.size() + kEntryBytes;
  header_bytes_ = Aligned(bytes);
  data_bytes_ = 0;
  entries_ = nlohmann::json::object();
  return absl::OkStatus();
}

absl::Status PackedFileWriter::Append(absl::string_view name, std::span<const std::byte> bytes) {
  if (absl::Status written = WriteAt(header_bytes_ + data_bytes_, bytes); !written.ok()) {
    return written;
  }
  entries_[std::string(name)] = Entry(data_bytes_, Aligned(bytes.size()));
  data_bytes_ += Aligned(bytes.size());
  return absl::OkStatus();
}

absl::Status PackedFileWriter::Finish(const std::map<std::string, std::string>& metadata) {
  const absl::StatusOr<std::string> header = Header(metadata);
  if (!header.ok()) return header.status();
  if (absl::Status written = WriteHeaderAndHashes(*header); !written.ok()) return written;
  return Publish();
}

absl::StatusOr<std::string> PackedFileWriter::Header(
    const std::map<std::string, std::string>& metadata) {
  entries_["__metadata__"] = metadata;
  entries_["__metadata__"][std::string(kPackedFormatKey)] = std::string(kPackedFormat);
  entries_[std::string(kPackedHashes)] = Entry(data_bytes_, PackedHashes::BytesFor(data_bytes_));
  const std::string json = entries_.dump();
  if (kLengthBytes + json.size() > header_bytes_) {
    return absl::InternalError(absl::StrCat(TemporaryPath(), ": its header is too large"));
  }
  const std::uint64_t length = header_bytes_ - kLengthBytes;
  static_assert(std::endian::native == std::endian::little);
  std::string header(header_bytes_, ' ');
  std::memcpy(header.data(), &length, kLengthBytes);
  json.copy(header.data() + kLengthBytes, json.size());
  return header;
}

absl::Status PackedFileWriter::WriteHeaderAndHashes(const std::string& header) const {
  const std::size_t end = header_bytes_ + data_bytes_;
  if (absl::Status written = WriteAt(0, BytesOf(header)); !written.ok()) return written;
  if (ftruncate(fd_, static_cast<off_t>(end)) != 0) return Error("extend");
  const absl::StatusOr<FileMemory> file = FileMemory::Open(TemporaryPath());
  if (!file.ok()) return file.status();
  PackedHashes hashes;
  for (std::size_t at = 0, size = header_bytes_; at < end; at += size) {
    if (at > 0) size = std::min(kPackedPiece, end - at);
    const std::span<const std::byte> piece = file->bytes().subspan(at, size);
    if (absl::Status read = file->Read(piece); !read.ok()) return read;
    hashes.Add(piece);
    file->Release(piece);
  }
  return WriteAt(end, hashes.Finish());
}

absl::Status PackedFileWriter::Publish() {
  if (fsync(fd_) != 0) return Error("write to the disk");
  if (std::rename(TemporaryPath().c_str(), path_.c_str()) != 0) return Error("rename");
  close(std::exchange(fd_, -1));  // a file that is open for writing cannot be shared
  // The new name is on the disk once the folder is. A file that is lost in a power cut is made
  // again by the next start.
  const int folder =
      open(std::filesystem::path(path_).parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    (void)fsync(folder);
    close(folder);
  }
  return absl::OkStatus();
}

}  // namespace cascade::model
