// SPDX-License-Identifier: Apache-2.0

#include "server/environment.h"

#include <cstdlib>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/flags.h"
#include "spelling/suggestion.h"

namespace cascade::server {
namespace {

constexpr absl::string_view kPrefix = "CASCADE_";

// The variables of the command-line client (tools/cascade/command.cc), without the prefix.
constexpr absl::string_view kClientVariables[] = {"CA",     "CLIENT_CERT", "CLIENT_KEY",
                                                  "SERVER", "TLS",         "TOKEN_FILE"};

// What the variables end with that Kubernetes sets for each Service and each of its ports:
// <SERVICE>_SERVICE_HOST, <SERVICE>_SERVICE_PORT[_<NAME>], <SERVICE>_PORT and
// <SERVICE>_PORT_<NUMBER>_<PROTOCOL>[_PROTO|_PORT|_ADDR]. No flag ends so.
constexpr absl::string_view kServiceEndings[] = {
    "SERVICE_HOST", "SERVICE_PORT", "_TCP",       "_TCP_PROTO", "_TCP_PORT",
    "_TCP_ADDR",    "_UDP",         "_UDP_PROTO", "_UDP_PORT",  "_UDP_ADDR",
    "_SCTP",        "_SCTP_PROTO",  "_SCTP_PORT", "_SCTP_ADDR"};

bool IsOfService(absl::string_view name, absl::string_view value) {
  // <SERVICE>_PORT is a URL. People who write a number there mean --listen.
  if (absl::EndsWith(name, "PORT") && absl::StrContains(value, "://")) return true;
  return absl::StrContains(name, "SERVICE_PORT_") ||
         absl::c_any_of(kServiceEndings,
                        [name](absl::string_view end) { return absl::EndsWith(name, end); });
}

}  // namespace

absl::Status TakeEnvironment() {
  for (const std::string& flag : FlagNames()) {
    const std::string variable = absl::StrCat(kPrefix, absl::AsciiStrToUpper(flag));
    // No other thread yet.  NOLINTNEXTLINE(concurrency-mt-unsafe)
    const char* const value = std::getenv(variable.c_str());
    if (value == nullptr) continue;
    std::string error;
    if (absl::FindCommandLineFlag(flag)->ParseFrom(value, &error)) continue;
    return absl::InvalidArgumentError(absl::StrCat(variable, "=", value, ": ", error));
  }
  return absl::OkStatus();
}

std::vector<std::string> UnknownVariables(const char* const* environment) {
  std::vector<std::string> known = {"FLAGFILE"};  // which ReadArguments reads
  for (const std::string& flag : FlagNames()) known.push_back(absl::AsciiStrToUpper(flag));
  for (const absl::string_view variable : kClientVariables) known.emplace_back(variable);
  std::vector<std::string> unknown;
  for (; *environment != nullptr; ++environment) {
    const std::pair<absl::string_view, absl::string_view> entry =
        absl::StrSplit(*environment, absl::MaxSplits('=', 1));
    absl::string_view name = entry.first;
    if (!absl::ConsumePrefix(&name, kPrefix)) continue;
    if (absl::c_linear_search(known, name) || IsOfService(name, entry.second)) continue;
    const std::string upper = absl::AsciiStrToUpper(name);
    unknown.push_back(absl::StrCat(kPrefix, name, Suggestion(upper, known, kPrefix)));
  }
  return unknown;
}

}  // namespace cascade::server
