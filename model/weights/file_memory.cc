// SPDX-License-Identifier: Apache-2.0

#include "model/weights/file_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

std::int64_t ModifiedNs(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

// Fresh zeroed pages, which take memory when they are written. Null: there are no addresses left.
// MAP_NORESERVE: a file may be larger than the memory, of which few parts are read at a time.
std::byte* MapPages(std::size_t size) {
  void* const pages = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
#ifdef MADV_HUGEPAGE
  (void)madvise(pages, size, MADV_HUGEPAGE);  // advice: ordinary pages do as well, more slowly
#endif
  return static_cast<std::byte*>(pages);
}

}  // namespace

absl::StatusOr<FileMemory> FileMemory::Open(const std::string& path) {
  // O_NONBLOCK: a named pipe is refused below instead of waiting here for a writer.
  FileMemory file(path, open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.fd_ < 0) return file.Error(errno, "open");
  struct stat status = {};
  if (fstat(file.fd_, &status) != 0) return file.Error(errno, "stat");
  if (!S_ISREG(status.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
  }
  if (status.st_size == 0) return absl::InvalidArgumentError(absl::StrCat(path, ": empty file"));
  file.size_ = static_cast<std::size_t>(status.st_size);
  file.modified_ns_ = ModifiedNs(status);
  file.data_ = MapPages(file.size_);
  if (file.data_ == nullptr) {
    return file.Error(errno, absl::StrCat("make room for ", file.size_, " bytes"));
  }
  return file;
}

FileMemory::FileMemory(FileMemory&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      modified_ns_(other.modified_ns_),
      shared_(std::exchange(other.shared_, false)) {}

FileMemory& FileMemory::operator=(FileMemory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(modified_ns_, other.modified_ns_);
  std::swap(shared_, other.shared_);
  return *this;
}

FileMemory::~FileMemory() {
  if (data_ != nullptr) munmap(data_, size_);
  if (fd_ >= 0) close(fd_);
}

// PERMISSION_DENIED, NOT_FOUND and so on.
absl::Status FileMemory::Error(int error, absl::string_view action) const {
  return absl::ErrnoToStatus(error, absl::StrCat(path_, ": cannot ", action));
}

// A hint, which changes nothing but the time that Read takes.
void FileMemory::WillBeRead() const {
  (void)posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  (void)posix_fadvise(fd_, 0, 0, POSIX_FADV_WILLNEED);
}

absl::Status FileMemory::Read(std::span<const std::byte> range) const {
  return CopyTo(data_ + (range.data() - data_), range);
}

absl::Status FileMemory::CopyTo(std::byte* to, std::span<const std::byte> range) const {
  auto offset = static_cast<off_t>(range.data() - data_);
  for (std::size_t left = range.size(); left > 0;) {
    const ssize_t got = pread(fd_, to, left, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(errno, "read");
    if (got == 0) {
      return absl::DataLossError(
          absl::StrCat(path_, ": the file was truncated while it was read: expected ", size_,
                       " bytes, found its end at byte ", std::int64_t{offset}));
    }
    to += got;
    offset += got;
    left -= static_cast<std::size_t>(got);
  }
  return absl::OkStatus();
}

void FileMemory::Release(std::span<const std::byte> range) const {
  // Whole pages only: those at the ends are shared with the neighbors.
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  const auto begin = static_cast<std::size_t>(range.data() - data_);
  const std::size_t first = (begin + page - 1) / page * page;
  const std::size_t last = (begin + range.size()) / page * page;
  if (first < last) madvise(data_ + first, last - first, MADV_DONTNEED);
}

absl::Status FileMemory::CheckUnchanged() const {
  struct stat status = {};
  if (fstat(fd_, &status) != 0) return Error(errno, "stat");
  if (static_cast<std::size_t>(status.st_size) == size_ && ModifiedNs(status) == modified_ns_) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat(path_,
                   ": the file was written while it was read: start again once it is "
                   "complete, and replace files that are in use by renaming"));
}

absl::Status FileMemory::Share() {
  if (fcntl(fd_, F_SETLEASE, F_RDLCK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": the system gives no lease on the file: ", std::strerror(errno)));
  }
  // WriterWaits asks for writers; without an owner the system sends no signal.
  (void)fcntl(fd_, F_SETOWN, 0);
  // No process can write from here on, but one may have written since Open.
  absl::Status status = CheckUnchanged();
  if (status.ok() && mmap(data_, size_, PROT_READ, MAP_SHARED | MAP_FIXED, fd_, 0) == MAP_FAILED) {
    status = Error(errno, "map");
  }
  if (!status.ok()) {
    (void)fcntl(fd_, F_SETLEASE, F_UNLCK);
    return status;
  }
  shared_ = true;
  (void)madvise(data_, size_, MADV_WILLNEED);
#ifdef MADV_HUGEPAGE
  // Followed by a tmpfs mounted with huge pages, and by file systems whose page cache has them.
  (void)madvise(data_, size_, MADV_HUGEPAGE);
#endif
  return absl::OkStatus();
}

// Once a writer waits, the system tells the kind of lease that will be left: none.
bool FileMemory::WriterWaits() const { return shared_ && fcntl(fd_, F_GETLEASE) != F_RDLCK; }

absl::Status FileMemory::MakePrivate() {
  std::byte* const copy = MapPages(size_);
  if (copy == nullptr) return Error(errno, absl::StrCat("copy its ", size_, " bytes to memory"));
  // Read from the file and not from the mapping: if the file is shorter by now, that is an error
  // here and SIGBUS there.
  absl::Status status = CopyTo(copy, bytes());
  if (status.ok()) status = CheckUnchanged();
  // One step for every other thread: it reads the old pages or the new ones.
  if (status.ok() &&
      mremap(copy, size_, size_, MREMAP_MAYMOVE | MREMAP_FIXED, data_) == MAP_FAILED) {
    status = Error(errno, "replace its mapping");
  }
  if (!status.ok()) {
    munmap(copy, size_);
    return status;
  }
  shared_ = false;
  (void)fcntl(fd_, F_SETLEASE, F_UNLCK);  // lets the writer go on
  return absl::OkStatus();
}

}  // namespace cascade::model
