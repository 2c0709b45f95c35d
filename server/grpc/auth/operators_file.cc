// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/operators_file.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <ios>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace cascade::server {

absl::StatusOr<std::string> ReadOperatorsFile(const std::string& path) {
  std::error_code error;
  const bool is_directory = std::filesystem::is_directory(path, error);  // which opens, and no more
  errno = is_directory ? EISDIR : 0;
  std::ifstream file(path, std::ios::binary);
  if (is_directory || !file.is_open()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot be read: ", std::generic_category().message(errno)));
  }
  std::string bytes(kMaxOperatorsFileBytes + 1, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return absl::InvalidArgumentError("cannot be read to its end");
  if (bytes.size() > kMaxOperatorsFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("has more than ", kMaxOperatorsFileBytes, " bytes"));
  }
  return bytes;
}

std::string StampOf(const std::string& path) {
  std::error_code error;
  const auto time = std::filesystem::last_write_time(path, error);
  return error ? "" : absl::StrCat(time.time_since_epoch().count());
}

}  // namespace cascade::server
