// SPDX-License-Identifier: Apache-2.0

#include "server/listener/listen_address.h"

#include <cstddef>
#include <cstdint>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cascade::server {
namespace {

constexpr absl::string_view kUnixPrefix = "unix:";

struct HostAndPort {
  absl::string_view host;  // brackets included
  absl::string_view port;
};

// Splits at the last colon; both parts may be empty.
HostAndPort Split(absl::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return {address, ""};
  return {address.substr(0, colon), address.substr(colon + 1)};
}

bool IsBracketed(absl::string_view host) {
  return host.size() > 2 && host.front() == '[' && host.back() == ']';
}

bool IsHost(absl::string_view host) {
  return !host.empty() &&
         (IsBracketed(host) || host.find_first_of(":[]") == absl::string_view::npos);
}

bool IsPort(absl::string_view port) {
  std::uint32_t number = 0;
  return absl::c_all_of(port, absl::ascii_isdigit) && absl::SimpleAtoi(port, &number) &&
         number <= 65535;
}

}  // namespace

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view address) {
  ListenAddress parsed;
  const HostAndPort parts = Split(address);
  if (absl::StartsWith(address, kUnixPrefix)) {
    parsed.unix_path = std::string(absl::StripPrefix(address, kUnixPrefix));
  } else if (IsHost(parts.host) && IsPort(parts.port)) {
    const std::size_t bracket = IsBracketed(parts.host) ? 1 : 0;
    parsed.host = std::string(parts.host.substr(bracket, parts.host.size() - 2 * bracket));
    parsed.port = std::string(parts.port);
  }
  if (!parsed.host.empty() || !parsed.unix_path.empty()) return parsed;
  return absl::InvalidArgumentError(
      absl::StrCat("'", address,
                   "' is not HOST:PORT (an IPv6 host in brackets, a port of at most 65535) or "
                   "unix:PATH"));
}

bool IsEveryInterface(absl::string_view host) { return host == "0.0.0.0" || host == "::"; }

std::string DialAddress(absl::string_view address, int port) {
  if (absl::StartsWith(address, kUnixPrefix)) return std::string(address);
  const absl::string_view host = Split(address).host;
  const bool every_interface = IsEveryInterface(host) || host == "[::]";
  return absl::StrCat(every_interface ? "localhost" : host, ":", port);
}

}  // namespace cascade::server
