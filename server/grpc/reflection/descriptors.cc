// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/reflection/descriptors.h"

#include "google/protobuf/descriptor.pb.h"

namespace cascade::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;

std::string Serialize(const FileDescriptor& file) {
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  return proto.SerializeAsString();
}

}  // namespace

absl::StatusOr<const FileDescriptor*> Descriptors::FileByName(const std::string& name) const {
  const FileDescriptor* file = pool_.FindFileByName(name);
  if (file == nullptr) return absl::NotFoundError("there is no file of this name");
  return file;
}

absl::StatusOr<const FileDescriptor*> Descriptors::FileOfSymbol(const std::string& symbol) const {
  const FileDescriptor* file = pool_.FindFileContainingSymbol(symbol);
  if (file == nullptr) return absl::NotFoundError("there is no symbol of this name");
  return file;
}

absl::StatusOr<const FileDescriptor*> Descriptors::FileOfExtension(const std::string& type,
                                                                   int number) const {
  const Descriptor* message = pool_.FindMessageTypeByName(type);
  if (message == nullptr) return absl::NotFoundError("there is no message of this name");
  const FieldDescriptor* extension = pool_.FindExtensionByNumber(message, number);
  if (extension == nullptr) {
    return absl::NotFoundError("the message has no extension of this number");
  }
  return extension->file();
}

absl::StatusOr<std::vector<int>> Descriptors::ExtensionNumbers(const std::string& type) const {
  const Descriptor* message = pool_.FindMessageTypeByName(type);
  if (message == nullptr) return absl::NotFoundError("there is no message of this name");
  std::vector<const FieldDescriptor*> extensions;
  pool_.FindAllExtensions(message, &extensions);
  std::vector<int> numbers;
  for (const FieldDescriptor* extension : extensions) numbers.push_back(extension->number());
  return numbers;
}

std::vector<std::string> SentFiles::Take(const FileDescriptor& file) {
  std::vector<std::string> serialized;
  std::vector<const FileDescriptor*> waiting = {&file};
  sent_.insert(&file);
  while (!waiting.empty()) {
    const FileDescriptor& next = *waiting.back();
    waiting.pop_back();
    serialized.push_back(Serialize(next));
    for (int i = 0; i < next.dependency_count(); ++i) {
      if (sent_.insert(next.dependency(i)).second) waiting.push_back(next.dependency(i));
    }
  }
  return serialized;
}

}  // namespace cascade::server
