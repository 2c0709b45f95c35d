// SPDX-License-Identifier: Apache-2.0
// The standard reflection service, in the versions v1 and v1alpha.
//
// Our own, on the callback API: gRPC's plugin for C++ 1.51 serves v1alpha alone and holds a thread
// for each stream that is open.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/server_callback.h"
#include "server/engine/mutex.h"
#include "server/grpc/auth/authenticator.h"
#include "server/grpc/call/call_memory.h"
#include "server/grpc/call/open_calls.h"
#include "server/grpc/call/write_loop.h"
#include "server/grpc/reflection/descriptors.h"
#include "server/grpc/status.h"

namespace cascade::server {

// The two versions differ in the package of their messages and in nothing else.
struct ReflectionV1 {
  using Service = grpc::reflection::v1::ServerReflection;
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};

struct ReflectionV1Alpha {
  using Service = grpc::reflection::v1alpha::ServerReflection;
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
};

// Longest request, in bytes. Names are short; Protobuf takes time in proportion to the square of a
// name's length to look it up, and an answer repeats its request.
inline constexpr std::size_t kMaxReflectionRequestBytes = 2048;

// Fills in the answer to `request`, an error_response included.
template <typename Request, typename Response>
void Reflect(const Descriptors& descriptors, const Request& request, SentFiles& sent,
             Response& response);

// One ServerReflectionInfo stream. Reads a request, answers it, reads the next: never more than one
// of them is in memory, and a client that does not read its answers is not read from either. A
// request that is longer than kMaxReflectionRequestBytes ends the stream: INVALID_ARGUMENT.
//
// Lifetime. Deletes itself in OnDone. It finishes only while neither a read nor a write is in
// flight; gRPC ends both when the client is gone, and OpenCalls has it do so at shutdown.
template <typename Version>
class ReflectionStream final
    : public WriteLoop<
          typename Version::Response,
          grpc::ServerBidiReactor<typename Version::Request, typename Version::Response>> {
 public:
  // Borrows `descriptors`, `calls` and `memory`. Without a share of the memory, and for a caller
  // who is not known, the stream ends at once.
  ReflectionStream(const Descriptors& descriptors, OpenCalls& calls, CallMemory& memory,
                   const Authenticator& authenticator, grpc::CallbackServerContext& context)
      : refusal_(authenticator.Authenticate(context).status()),
        ticket_(calls, &context),
        memory_(memory),
        share_(memory.TryTake(CallBytes(kMaxReflectionRequestBytes))),
        descriptors_(descriptors),
        reading_(share_ && refusal_.ok()) {
    ticket_.IsIdle();
    if (share_ && refusal_.ok()) {
      this->StartRead(&request_);
    } else {
      this->Advance();
    }
  }

  // `ok` is false when the client has said that no more requests come, or is gone.
  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(this->mu_) {
    {
      const MutexLock lock(this->mu_);
      reading_ = false;
      ended_ = !ok;
    }
    this->Advance();
  }

  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(this->mu_) {
    {
      const MutexLock lock(this->mu_);
      this->EndWrite(ok);
      reading_ = ok;
    }
    if (ok) {
      this->StartRead(&request_);
    } else {
      this->Advance();
    }
  }

  void OnDone() override { delete this; }

 private:
  using Next = typename ReflectionStream::WriteLoop::Next;

  Next TakeNext(typename Version::Response& response, absl::Status& status) noexcept override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this->mu_) {
    if (reading_) return Next::kNothing;
    if (!refusal_.ok() || !share_) {
      status = refusal_.ok() ? memory_.Full() : refusal_;
      return Next::kFinish;
    }
    if (ended_ || this->broken()) return Next::kFinish;
    if (request_.ByteSizeLong() > kMaxReflectionRequestBytes) {
      status = StatusOrItsCode(absl::StatusCode::kInvalidArgument,
                               "a reflection request may have at most 2048 bytes");
      return Next::kFinish;
    }
    try {
      response.Clear();
      Reflect(descriptors_, request_, sent_, response);
      return Next::kWrite;
    } catch (const std::bad_alloc&) {
      status = StatusOrItsCode(absl::StatusCode::kResourceExhausted,
                               "memory ran out while the answer was made");
      return Next::kFinish;
    }
  }

  const absl::Status refusal_;
  OpenCalls::Ticket ticket_;
  const CallMemory& memory_;
  const CallMemory::Share share_;
  const Descriptors& descriptors_;
  typename Version::Request request_;              // gRPC's while `reading_`
  bool reading_ ABSL_GUARDED_BY(this->mu_);        // OnReadDone will come
  bool ended_ ABSL_GUARDED_BY(this->mu_) = false;  // no more requests come
  SentFiles sent_ ABSL_GUARDED_BY(this->mu_);
};

template <typename Version>
class ReflectionService final : public Version::Service::CallbackService {
 public:
  // Borrows `calls`, which streams are registered with, `memory`, which they share, and
  // `authenticator`.
  ReflectionService(std::shared_ptr<const Descriptors> descriptors, OpenCalls& calls,
                    CallMemory& memory, const Authenticator& authenticator)
      : descriptors_(std::move(descriptors)),
        calls_(calls),
        memory_(memory),
        authenticator_(authenticator) {}

  grpc::ServerBidiReactor<typename Version::Request, typename Version::Response>*
  ServerReflectionInfo(grpc::CallbackServerContext* context) override {
    return new ReflectionStream<Version>(*descriptors_, calls_, memory_, authenticator_,
                                         *context);  // deletes itself
  }

 private:
  const std::shared_ptr<const Descriptors> descriptors_;
  OpenCalls& calls_;
  CallMemory& memory_;
  const Authenticator& authenticator_;
};

// --- Implementation

template <typename Response>
void SetError(const absl::Status& status, Response& response) {
  response.mutable_error_response()->set_error_code(status.raw_code());  // the numbers of gRPC
  response.mutable_error_response()->set_error_message(std::string(status.message()));
}

template <typename Response>
void SetFile(const absl::StatusOr<const Descriptors::File*>& file, SentFiles& sent,
             Response& response) {
  if (!file.ok()) return SetError(file.status(), response);
  auto& answer = *response.mutable_file_descriptor_response();
  for (std::string& bytes : sent.Take(**file)) answer.add_file_descriptor_proto(std::move(bytes));
}

template <typename Response>
void SetExtensionNumbers(const std::string& type, const absl::StatusOr<std::vector<int>>& numbers,
                         Response& response) {
  if (!numbers.ok()) return SetError(numbers.status(), response);
  auto& answer = *response.mutable_all_extension_numbers_response();
  answer.set_base_type_name(type);
  answer.mutable_extension_number()->Assign(numbers->begin(), numbers->end());
}

template <typename Request, typename Response>
void Reflect(const Descriptors& descriptors, const Request& request, SentFiles& sent,
             Response& response) {
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      return SetFile(descriptors.FileByName(request.file_by_filename()), sent, response);
    case Request::kFileContainingSymbol:
      return SetFile(descriptors.FileOfSymbol(request.file_containing_symbol()), sent, response);
    case Request::kFileContainingExtension:
      return SetFile(
          descriptors.FileOfExtension(request.file_containing_extension().containing_type(),
                                      request.file_containing_extension().extension_number()),
          sent, response);
    case Request::kAllExtensionNumbersOfType: {
      const std::string& type = request.all_extension_numbers_of_type();
      return SetExtensionNumbers(type, descriptors.ExtensionNumbers(type), response);
    }
    case Request::kListServices:
      for (const std::string& name : descriptors.services()) {
        response.mutable_list_services_response()->add_service()->set_name(name);
      }
      return;
    case Request::MESSAGE_REQUEST_NOT_SET:
      return SetError(absl::InvalidArgumentError("the request asks for nothing"), response);
  }
}

}  // namespace cascade::server
