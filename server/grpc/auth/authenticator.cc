// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/authenticator.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/engine/clock.h"
#include "server/grpc/auth/operators_file.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// Of a token: beyond this it is none. To hash more would be work that a stranger asks for.
constexpr std::size_t kMaxTokenBytes = 4096;

}  // namespace

absl::Status Authenticator::Read() {
  if (!on()) return absl::OkStatus();
  stamp_ = StampOf(path_);
  const absl::StatusOr<std::string> text = ReadOperatorsFile(path_);
  absl::StatusOr<std::vector<TenantSpec>> specs =
      text.ok() ? ParseCallersFile(*text) : absl::StatusOr<std::vector<TenantSpec>>(text.status());
  if (!specs.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--callers_file=", path_, ": ", specs.status().message()));
  }
  absl::flat_hash_map<std::string, std::shared_ptr<Tenant>> by_name;
  const MutexLock lock(mu_);
  for (const auto& [token, tenant] : *tenants_) by_name.emplace(tenant->name(), tenant);
  auto tenants = std::make_shared<Tenants>();
  for (TenantSpec& spec : *specs) {
    std::shared_ptr<Tenant>& tenant = by_name[spec.name];
    TenantSpec as_before = spec;
    if (tenant != nullptr) as_before.token = tenant->spec().token;
    if (tenant == nullptr || tenant->spec() != as_before) {
      tenant = std::make_shared<Tenant>(spec, MonotonicNow());
    }
    tenants->emplace(spec.token, tenant);
  }
  tenants_ = std::move(tenants);
  return absl::OkStatus();
}

void Authenticator::Look() {
  if (!on() || StampOf(path_) == stamp_) return;
  const absl::Status status = Read();
  if (status.ok()) {
    Log(LogLevel::kInfo, "callers file read again", {{"path", path_}});
  } else {
    Log(LogLevel::kError, "the callers file is wrong; who may call is as before",
        {{"error", status.message()}});
  }
}

absl::StatusOr<std::shared_ptr<Tenant>> Authenticator::Authenticate(
    const grpc::ServerContextBase& context) const {
  if (!on()) return nullptr;
  const auto header = context.client_metadata().find("authorization");
  if (header == context.client_metadata().end()) return AuthenticateHeader("");
  return AuthenticateHeader({header->second.data(), header->second.size()});
}

absl::StatusOr<std::shared_ptr<Tenant>> Authenticator::AuthenticateHeader(
    absl::string_view authorization) const {
  if (!on()) return nullptr;
  if (!absl::StartsWithIgnoreCase(authorization, "bearer ")) {
    return absl::UnauthenticatedError(
        "this server wants a bearer token: send the metadata \"authorization: Bearer TOKEN\" "
        "(`cascade` does with --token_file=FILE)");
  }
  const absl::string_view token = absl::StripPrefix(authorization.substr(6), " ");
  std::shared_ptr<const Tenants> tenants;
  {
    const MutexLock lock(mu_);
    tenants = tenants_;
  }
  // By its hash: how long that takes tells nothing of the tokens that there are.
  const auto found =
      token.size() <= kMaxTokenBytes ? tenants->find(HashToken(token)) : tenants->end();
  if (found != tenants->end()) return found->second;
  return absl::UnauthenticatedError("this server does not know the bearer token");
}

}  // namespace cascade::server
