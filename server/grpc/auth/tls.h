// SPDX-License-Identifier: Apache-2.0
// TLS: the server's certificate, and who signs those of its clients.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/security/server_credentials.h"

namespace cascade::server {

// Paths of PEM files. All empty: no TLS.
struct TlsOptions {
  std::string cert;       // the server's certificate, then those between it and the authority
  std::string key;        // its private key
  std::string client_ca;  // authorities of clients' certificates; empty: clients need none

  bool on() const { return !cert.empty(); }
};

// What a certificate says of itself.
struct Certificate {
  std::string subject;  // "CN=cascade.example"
  absl::Time not_before;
  absl::Time not_after;
};

// Reads the files as they are now; returns the server's certificate. INVALID_ARGUMENT, naming the
// flag and the file, if one cannot be read, is not PEM, or if the key is not the certificate's.
// REQUIRES: tls.on().
absl::StatusOr<Certificate> ReadCertificate(const TlsOptions& tls);

// What the gRPC server is to accept connections with: plaintext, or TLS 1.2 and 1.3, with a
// client's certificate if there is an authority for them. gRPC reads the files again within a
// second of a change, for the connections that come later.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsOptions& tls);

// Tells the log of the certificate: at first, when its file has changed, each day of its last 14
// days, and when it has expired. Not thread-safe.
class CertificateWatch {
 public:
  explicit CertificateWatch(TlsOptions tls) : tls_(std::move(tls)) {}

  // Looks at the files at `now`, the time of day. To be called every second or so.
  void Look(absl::Time now);

 private:
  // The files' times of modification, as text.
  std::string Stamp() const;

  void LogExpiry(absl::Time now);

  const TlsOptions tls_;
  std::string stamp_;
  Certificate certificate_;
  absl::Time warned_ = absl::InfinitePast();
};

}  // namespace cascade::server
