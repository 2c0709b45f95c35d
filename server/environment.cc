// SPDX-License-Identifier: Apache-2.0

#include "server/environment.h"

#include <cstdlib>

#include "absl/algorithm/container.h"
#include "absl/flags/reflection.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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
    "SERVICE_HOST", "PORT",      "_TCP",  "_TCP_PROTO",  "_TCP_ADDR", "_UDP",
    "_UDP_PROTO",   "_UDP_ADDR", "_SCTP", "_SCTP_PROTO", "_SCTP_ADDR"};

bool IsOfService(absl::string_view name) {
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
  std::vector<std::string> unknown;
  for (; *environment != nullptr; ++environment) {
    absl::string_view name = *environment;
    name = name.substr(0, name.find('='));
    if (!absl::ConsumePrefix(&name, kPrefix)) continue;
    if (absl::c_linear_search(known, name) || absl::c_linear_search(kClientVariables, name) ||
        IsOfService(name)) {
      continue;
    }
    unknown.push_back(absl::StrCat(kPrefix, name, Suggestion(name, known, kPrefix)));
  }
  return unknown;
}

}  // namespace cascade::server
