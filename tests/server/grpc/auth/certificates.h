// SPDX-License-Identifier: Apache-2.0
// Certificates for tests of TLS, made on the spot.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"

namespace cascade::testing {

// In PEM.
struct CertificateAndKey {
  std::string certificate;
  std::string key;
};

// An authority that signs certificates of localhost.
class Authority {
 public:
  explicit Authority(const std::string& name);
  ~Authority();

  const std::string& certificate() const { return own_.certificate; }

  // Of `name`, for localhost and 127.0.0.1, valid from an hour ago until `lifetime` from now.
  CertificateAndKey Sign(const std::string& name, absl::Duration lifetime = absl::Hours(1)) const;

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
  CertificateAndKey own_;
};

}  // namespace cascade::testing
