// SPDX-License-Identifier: Apache-2.0
// --callers_file: any text gives callers within the stated bounds, or one refusal that names a
// line.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/match.h"
#include "server/grpc/auth/callers_file.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using cascade::server::ParseCallersFile;
  using cascade::server::TenantSpec;
  using cascade::server::TokenHash;
  const auto tenants = ParseCallersFile({reinterpret_cast<const char*>(data), size});
  if (!tenants.ok()) {
    FUZZ_EXPECT(absl::IsInvalidArgument(tenants.status()));
    FUZZ_EXPECT(absl::StartsWith(tenants.status().message(), "line ") ||
                tenants.status().message() == "no line names a caller");
    return 0;
  }
  std::set<TokenHash> tokens;
  for (const TenantSpec& tenant : *tenants) {
    FUZZ_EXPECT(!tenant.name.empty() && tenant.name.size() <= 64);
    FUZZ_EXPECT(tenant.max_requests.value_or(1) > 0);
    FUZZ_EXPECT(tenant.tokens_per_minute.value_or(1) > 0);
    FUZZ_EXPECT(tenant.max_priority.value_or(0) >= 0);
    FUZZ_EXPECT(tokens.insert(tenant.token).second);
  }
  return 0;
}
