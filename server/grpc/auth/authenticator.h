// SPDX-License-Identifier: Apache-2.0
// Tells from a call's metadata who calls.
#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/engine/mutex.h"
#include "server/grpc/auth/callers_file.h"
#include "server/grpc/auth/tenant.h"

namespace cascade::server {

// Knows callers by bearer tokens, of which it has the hashes alone. Without a file everybody may
// call, and nobody is known. Any thread.
class Authenticator {
 public:
  // `path` is --callers_file, or empty.
  explicit Authenticator(std::string path) : path_(std::move(path)) {}

  bool on() const { return !path_.empty(); }

  // Reads the file. INVALID_ARGUMENT, naming flag, file and line, if it cannot be read or is wrong;
  // then callers stay as they were. Callers whose settings are as before keep what they have used.
  absl::Status Read() ABSL_LOCKS_EXCLUDED(mu_);

  // Reads the file if it has changed since the last look, and logs how that went. One thread.
  void Look();

  // Who calls: null where everybody may. UNAUTHENTICATED if the call has no metadata
  // `authorization: Bearer TOKEN`, or a token that the file does not have.
  absl::StatusOr<std::shared_ptr<Tenant>> Authenticate(
      const grpc::ServerContextBase& context) const;

  // The same, from the metadata's value.
  absl::StatusOr<std::shared_ptr<Tenant>> AuthenticateHeader(absl::string_view authorization) const
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  using Tenants = absl::flat_hash_map<TokenHash, std::shared_ptr<Tenant>>;

  const std::string path_;
  std::string stamp_;  // of the file when it was last looked at
  mutable Mutex mu_;
  std::shared_ptr<const Tenants> tenants_ ABSL_GUARDED_BY(mu_) = std::make_shared<Tenants>();
};

}  // namespace cascade::server
