// SPDX-License-Identifier: Apache-2.0

#include "tests/server/grpc/auth/certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <ctime>

#include "gtest/gtest.h"

namespace cascade::testing {
namespace {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Buffer = std::unique_ptr<BIO, Free<BIO_free_all>>;

std::string Text(BIO* buffer) {
  char* bytes = nullptr;
  const auto size = BIO_get_mem_data(buffer, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

CertificateAndKey ToPem(X509* certificate, EVP_PKEY* key) {
  const Buffer first(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(first.get(), certificate);
  const Buffer second(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(second.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return {Text(first.get()), Text(second.get())};
}

void AddExtension(X509* certificate, int kind, const char* value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate NewCertificate(const std::string& name, EVP_PKEY* key, absl::Duration lifetime) {
  static std::atomic<int> serial = 1;
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600 * 24);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), absl::ToInt64Seconds(lifetime));
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

struct Authority::Parts {
  Key key;
  Certificate certificate;
};

Authority::Authority(const std::string& name) : parts_(std::make_unique<Parts>()) {
  parts_->key.reset(EVP_EC_gen("P-256"));
  parts_->certificate = NewCertificate(name, parts_->key.get(), absl::Hours(2));
  X509* const certificate = parts_->certificate.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  EXPECT_GT(X509_sign(certificate, parts_->key.get(), EVP_sha256()), 0);
  own_ = ToPem(certificate, parts_->key.get());
}

Authority::~Authority() = default;

CertificateAndKey Authority::Sign(const std::string& name, absl::Duration lifetime) const {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate certificate = NewCertificate(name, key.get(), lifetime);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(parts_->certificate.get()));
  AddExtension(certificate.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  EXPECT_GT(X509_sign(certificate.get(), parts_->key.get(), EVP_sha256()), 0);
  return ToPem(certificate.get(), key.get());
}

}  // namespace cascade::testing
