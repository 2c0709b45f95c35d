// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/auth/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "server/grpc/auth/operators_file.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

constexpr unsigned kReloadSeconds = 1;
constexpr absl::Duration kWarnBefore = absl::Hours(24 * 14);
constexpr absl::Duration kWarnAgain = absl::Hours(24);

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;

// What OpenSSL says that was wrong, in its words; the first of its errors is the cause.
std::string Reason() {
  const unsigned long error = ERR_get_error();  // NOLINT(google-runtime-int): OpenSSL's type
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  ERR_clear_error();
  return reason == nullptr ? "unknown error" : reason;
}

absl::Status Wrong(absl::string_view flag, absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", path, ": ", why));
}

absl::Status CheckReadable(absl::string_view flag, const std::string& path) {
  const absl::Status status = ReadOperatorsFile(path).status();
  return status.ok() ? status : Wrong(flag, path, status.message());
}

absl::Time ToTime(const ASN1_TIME* time) {
  std::tm civil = {};
  if (time == nullptr || ASN1_TIME_to_tm(time, &civil) != 1) return absl::InfinitePast();
  return absl::FromTM(civil, absl::UTCTimeZone());
}

std::string Subject(const X509* certificate) {
  char* line = X509_NAME_oneline(X509_get_subject_name(certificate), nullptr, 0);
  if (line == nullptr) return "";
  std::string subject = *line == '/' ? line + 1 : line;
  OPENSSL_free(line);
  return subject;
}

std::string Date(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<Certificate> ReadCertificate(const TlsOptions& tls) {
  absl::Status status = CheckReadable("tls_cert", tls.cert);
  status.Update(CheckReadable("tls_key", tls.key));
  if (!tls.client_ca.empty()) status.Update(CheckReadable("tls_client_ca", tls.client_ca));
  if (!status.ok()) return status;
  ERR_clear_error();
  const Context context(SSL_CTX_new(TLS_server_method()));
  if (context == nullptr) return absl::ResourceExhaustedError("no memory for TLS");
  if (SSL_CTX_use_certificate_chain_file(context.get(), tls.cert.c_str()) != 1) {
    return Wrong("tls_cert", tls.cert, absl::StrCat("is no certificate in PEM: ", Reason()));
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), tls.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    return Wrong("tls_key", tls.key,
                 absl::StrCat("is no private key in PEM of the certificate in --tls_cert=",
                              tls.cert, ": ", Reason()));
  }
  if (!tls.client_ca.empty() &&
      SSL_CTX_load_verify_locations(context.get(), tls.client_ca.c_str(), nullptr) != 1) {
    return Wrong("tls_client_ca", tls.client_ca,
                 absl::StrCat("has no certificate in PEM: ", Reason()));
  }
  const X509* const certificate = SSL_CTX_get0_certificate(context.get());
  return Certificate{.subject = Subject(certificate),
                     .not_before = ToTime(X509_get0_notBefore(certificate)),
                     .not_after = ToTime(X509_get0_notAfter(certificate))};
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const TlsOptions& tls) {
  if (!tls.on()) return grpc::InsecureServerCredentials();
  const auto files = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      tls.key, tls.cert, tls.client_ca, kReloadSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(files);
  options.watch_identity_key_cert_pairs();
  if (!tls.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

std::string CertificateWatch::Stamp() const {
  std::string stamp;
  for (const std::string& path : {tls_.cert, tls_.key, tls_.client_ca}) {
    absl::StrAppend(&stamp, StampOf(path), " ");
  }
  return stamp;
}

void CertificateWatch::Look(absl::Time now) {
  if (!tls_.on()) return;
  std::string stamp = Stamp();
  if (stamp != stamp_) {
    stamp_ = std::move(stamp);
    absl::StatusOr<Certificate> certificate = ReadCertificate(tls_);
    if (!certificate.ok()) {
      // New connections fail until the files are right again.
      Log(LogLevel::kError, "TLS files are wrong", {{"error", certificate.status().message()}});
      return;
    }
    certificate_ = *std::move(certificate);
    warned_ = absl::InfinitePast();
    Log(LogLevel::kInfo, "TLS certificate",
        {{"subject", certificate_.subject},
         {"not_after", Date(certificate_.not_after)},
         {"client_certificates", tls_.client_ca.empty() ? "not asked for" : "required"}});
  }
  LogExpiry(now);
}

void CertificateWatch::LogExpiry(absl::Time now) {
  if (now >= certificate_.not_before && now + kWarnBefore < certificate_.not_after) return;
  if (now - warned_ < kWarnAgain) return;
  warned_ = now;
  Log(LogLevel::kWarning,
      now < certificate_.not_before  ? "TLS certificate is not valid yet"
      : now > certificate_.not_after ? "TLS certificate has expired"
                                     : "TLS certificate expires soon",
      {{"subject", certificate_.subject},
       {"not_before", Date(certificate_.not_before)},
       {"not_after", Date(certificate_.not_after)}});
}

}  // namespace cascade::server
