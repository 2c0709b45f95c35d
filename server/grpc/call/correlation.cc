// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/correlation.h"

#include <algorithm>
#include <new>

namespace cascade::server {
namespace {

// The bytes of "vv-tttttttttttttttttttttttttttttttt-ssssssssssssssss-ff".
constexpr std::size_t kTraceparentBytes = 55;

bool IsLowerHex(absl::string_view digits) {
  return std::all_of(digits.begin(), digits.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(absl::string_view digits) {
  return IsLowerHex(digits) && digits.find_first_not_of('0') != absl::string_view::npos;
}

bool IsRequestId(absl::string_view id) {
  return id.size() <= kMaxRequestIdBytes && IsPrintableAscii(id);
}

// The first value of header `name` if it is `valid`; otherwise empty.
absl::string_view Header(const grpc::CallbackServerContext& context, const char* name,
                         bool (*valid)(absl::string_view)) {
  const auto header = context.client_metadata().find(name);
  if (header == context.client_metadata().end()) return {};
  const absl::string_view value(header->second.data(), header->second.size());
  return valid(value) ? value : absl::string_view();
}

}  // namespace

bool IsPrintableAscii(absl::string_view id) {
  return std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c <= 0x7E; });
}

bool IsTraceparent(absl::string_view value) {
  if (value.size() < kTraceparentBytes) return false;
  const absl::string_view version = value.substr(0, 2);
  if (!IsLowerHex(version) || version == "ff") return false;
  if (value.size() > kTraceparentBytes && (version == "00" || value[kTraceparentBytes] != '-')) {
    return false;
  }
  return value[2] == '-' && IsId(value.substr(3, 32)) &&    //
         value[35] == '-' && IsId(value.substr(36, 16)) &&  //
         value[52] == '-' && IsLowerHex(value.substr(53, 2)) &&
         value.size() <= kMaxRequestIdBytes && IsPrintableAscii(value);
}

Correlation CorrelationOf(const grpc::CallbackServerContext& context) noexcept {
  try {
    return {.peer = context.peer(),
            .request_id = Header(context, "x-request-id", IsRequestId),
            .correlation_id = Header(context, "x-correlation-id", IsRequestId),
            .traceparent = Header(context, "traceparent", IsTraceparent)};
  } catch (const std::bad_alloc&) {
    return {};
  }
}

}  // namespace cascade::server
