// SPDX-License-Identifier: Apache-2.0
// What reflection can be asked about services and messages.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"

namespace cascade::server {

// Answers from a descriptor pool, the same for every version of the protocol. Immutable; any
// thread. Errors are NOT_FOUND.
class Descriptors {
 public:
  using File = google::protobuf::FileDescriptor;

  // `services` are the full names that clients are told of. Borrows `pool`.
  Descriptors(std::vector<std::string> services, const google::protobuf::DescriptorPool& pool)
      : services_(std::move(services)), pool_(pool) {}

  const std::vector<std::string>& services() const { return services_; }

  absl::StatusOr<const File*> FileByName(const std::string& name) const;

  // The file that declares a message, enum, enum value, field, extension, service or method.
  absl::StatusOr<const File*> FileOfSymbol(const std::string& symbol) const;

  // The file that declares extension `number` of message `type`.
  absl::StatusOr<const File*> FileOfExtension(const std::string& type, int number) const;

  // The numbers of all known extensions of message `type`, in no order.
  absl::StatusOr<std::vector<int>> ExtensionNumbers(const std::string& type) const;

 private:
  const std::vector<std::string> services_;
  const google::protobuf::DescriptorPool& pool_;
};

// The files that the client of one stream has. A stream gets each import once.
class SentFiles {
 public:
  // Serialized: `file`, which is sent each time that it is asked for, and those of its imports,
  // direct or not, that were not sent yet.
  std::vector<std::string> Take(const google::protobuf::FileDescriptor& file);

 private:
  std::set<const google::protobuf::FileDescriptor*> sent_;
};

}  // namespace cascade::server
