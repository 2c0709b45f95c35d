// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/callers_file.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace cascade::server {
namespace {

constexpr std::size_t kMaxTenants = 10'000;
constexpr std::size_t kMaxNameBytes = 64;
constexpr std::uint64_t kMaxTokensPerMinute = 1'000'000'000'000;
constexpr std::size_t kMaxRequests = 1'000'000;
constexpr int kMaxPriority = 1000;

bool IsName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxNameBytes && absl::c_all_of(name, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' ||
           c == '@';
  });
}

bool ParseHash(absl::string_view digits, TokenHash& hash) {
  if (digits.size() != 2 * hash.size() || !absl::c_all_of(digits, absl::ascii_isxdigit)) {
    return false;
  }
  const std::string bytes = absl::HexStringToBytes(digits);
  absl::c_copy(bytes, hash.begin());
  return true;
}

// A number from `least` to `most`.
template <typename Number>
absl::Status ParseNumber(absl::string_view name, absl::string_view text, Number least, Number most,
                         std::optional<Number>& out) {
  Number number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < least || number > most) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " must be a number from ", least, " to ", most));
  }
  out = number;
  return absl::OkStatus();
}

absl::Status ParseSetting(absl::string_view setting, TenantSpec& tenant) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(setting, absl::MaxSplits('=', 1));
  const auto& [name, value] = parts;
  if (name == "max_requests") {
    return ParseNumber<std::size_t>(name, value, 1, kMaxRequests, tenant.max_requests);
  }
  if (name == "tokens_per_minute") {
    return ParseNumber<std::uint64_t>(name, value, 1, kMaxTokensPerMinute,
                                      tenant.tokens_per_minute);
  }
  if (name == "max_priority") {
    return ParseNumber<int>(name, value, 0, kMaxPriority, tenant.max_priority);
  }
  if (name == "share_prefixes") {
    if (absl::SimpleAtob(value, &tenant.share_prefixes)) return absl::OkStatus();
    return absl::InvalidArgumentError("share_prefixes must be true or false");
  }
  return absl::InvalidArgumentError(
      "a setting must be max_requests=, tokens_per_minute=, max_priority= or share_prefixes=");
}

absl::StatusOr<TenantSpec> ParseLine(absl::string_view line) {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  TenantSpec tenant;
  if (!IsName(words[0])) {
    return absl::InvalidArgumentError("the name must be 1 to 64 letters, digits, and any of -_.@");
  }
  tenant.name = std::string(words[0]);
  if (words.size() < 2 || !ParseHash(words[1], tenant.token)) {
    return absl::InvalidArgumentError(
        "behind the name must be the token's SHA-256, 64 hexadecimal digits; `printf %s \"$TOKEN\" "
        "| sha256sum` prints it");
  }
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (absl::Status status = ParseSetting(words[i], tenant); !status.ok()) return status;
  }
  return tenant;
}

// Callers of one name, but for the token.
bool HasSettingsOf(const TenantSpec& a, TenantSpec b) {
  b.token = a.token;
  return a == b;
}

// The callers, and what each line may not say again.
class Callers {
 public:
  absl::Status Add(TenantSpec tenant) {
    if (all_.size() == kMaxTenants) {
      return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxTenants, " callers"));
    }
    const auto [first, is_new] = by_name_.emplace(tenant.name, all_.size());
    if (!is_new && !HasSettingsOf(all_[first->second], tenant)) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", tenant.name, "\" has other settings than in a line before"));
    }
    if (!tokens_.insert(tenant.token).second) {
      return absl::InvalidArgumentError("the token is that of a line before");
    }
    all_.push_back(std::move(tenant));
    return absl::OkStatus();
  }

  std::vector<TenantSpec> Take() { return std::move(all_); }

 private:
  std::vector<TenantSpec> all_;
  absl::flat_hash_map<std::string, std::size_t> by_name_;
  absl::flat_hash_set<TokenHash> tokens_;
};

}  // namespace

TokenHash HashToken(absl::string_view token) {
  TokenHash hash;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), hash.data());
  return hash;
}

absl::StatusOr<std::vector<TenantSpec>> ParseCallersFile(absl::string_view text) {
  absl::ConsumePrefix(&text, "\xEF\xBB\xBF");  // a byte order mark
  Callers callers;
  std::size_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<TenantSpec> tenant = ParseLine(line);
    absl::Status status = tenant.ok() ? callers.Add(*std::move(tenant)) : tenant.status();
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", status.message()));
    }
  }
  std::vector<TenantSpec> tenants = callers.Take();
  if (tenants.empty()) return absl::InvalidArgumentError("no line names a caller");
  return tenants;
}

}  // namespace cascade::server
