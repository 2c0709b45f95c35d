// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/tenant.h"

#include "absl/strings/str_cat.h"
#include "server/grpc/status.h"

namespace cascade::server {

Tenant::Tenant(TenantSpec spec, absl::Time now) : spec_(std::move(spec)) {
  if (spec_.tokens_per_minute) {
    bucket_.emplace(static_cast<double>(*spec_.tokens_per_minute), now);
  }
}

void Tenant::Pay(std::uint64_t tokens, absl::Time now) {
  if (bucket_) bucket_->Pay(static_cast<double>(tokens), now);
}

std::string Tenant::CacheSalt(absl::string_view salt) const {
  // The length ends the name, so that no name and salt make another's.
  if (spec_.share_prefixes) return absl::StrCat("shared:", salt);
  return absl::StrCat("of:", name().size(), ":", name(), salt);
}

absl::StatusOr<TenantPermit> TenantPermit::TryEnter(std::shared_ptr<Tenant> tenant,
                                                    absl::Time now) {
  if (tenant == nullptr) return TenantPermit();
  const absl::Duration wait = tenant->bucket_ ? tenant->bucket_->Wait(now) : absl::ZeroDuration();
  if (wait > absl::ZeroDuration()) {
    return WithRetryDelay(absl::ResourceExhaustedError(
                              absl::StrCat("\"", tenant->name(), "\" has used up its ",
                                           *tenant->spec().tokens_per_minute, " tokens a minute")),
                          wait);
  }
  const std::size_t before = tenant->requests_.fetch_add(1);
  TenantPermit permit(std::move(tenant));
  const std::optional<std::size_t>& most = permit.tenant()->spec().max_requests;
  if (!most || before < *most) return permit;
  return absl::ResourceExhaustedError(
      absl::StrCat("\"", permit.tenant()->name(), "\" has ", *most,
                   " requests that run or wait, as many as it may have"));
}

void TenantPermit::Leave() {
  if (std::exchange(holds_, false)) tenant_->requests_.fetch_sub(1);
}

}  // namespace cascade::server
