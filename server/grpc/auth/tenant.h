// SPDX-License-Identifier: Apache-2.0
// One caller whom the server knows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/grpc/auth/callers_file.h"
#include "server/grpc/auth/token_bucket.h"

namespace cascade::server {

// Who a caller is, and what is left of its limits. Any thread.
class Tenant {
 public:
  // `spec.token` is one of its tokens. All times are of the engine's clock.
  Tenant(TenantSpec spec, absl::Time now);

  const TenantSpec& spec() const { return spec_; }
  const std::string& name() const { return spec_.name; }

  // Counts what one of its requests took.
  void Pay(std::uint64_t tokens, absl::Time now);

  // The salt under which the prefix cache keeps what a request with `salt` computes: no other
  // caller's, unless both share; and then what `salt` says.
  std::string CacheSalt(absl::string_view salt) const;

 private:
  friend class TenantPermit;

  const TenantSpec spec_;
  std::atomic<std::size_t> requests_ = 0;
  std::optional<TokenBucket> bucket_;
};

// A request's place among those of its tenant, until it is destroyed. Keeps the tenant, whom a new
// file may not name any more. Empty where callers are not known. Move-only.
class TenantPermit {
 public:
  TenantPermit() = default;
  TenantPermit(TenantPermit&& other) noexcept
      : tenant_(std::move(other.tenant_)), holds_(std::exchange(other.holds_, false)) {}
  TenantPermit& operator=(TenantPermit&& other) noexcept {
    tenant_.swap(other.tenant_);
    std::swap(holds_, other.holds_);
    return *this;
  }
  ~TenantPermit() { Leave(); }

  // Gives the place back now. Idempotent.
  void Leave();

  // A place, or an empty permit if `tenant` is null. RESOURCE_EXHAUSTED if it has as many requests
  // as it may, or, with google.rpc.RetryInfo, if it has used its tokens of this minute up.
  static absl::StatusOr<TenantPermit> TryEnter(std::shared_ptr<Tenant> tenant, absl::Time now);

  // Null if the permit is empty.
  Tenant* tenant() const { return tenant_.get(); }

 private:
  explicit TenantPermit(std::shared_ptr<Tenant> tenant)
      : tenant_(std::move(tenant)), holds_(true) {}

  std::shared_ptr<Tenant> tenant_;
  bool holds_ = false;
};

}  // namespace cascade::server
