// SPDX-License-Identifier: Apache-2.0
// Who gets in by TLS and who does not.
#include "server/grpc/auth/tls.h"

#include <openssl/ssl.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "gtest/gtest.h"
#include "server/observability/grpc_log.h"
#include "tests/server/grpc/auth/certificates.h"
#include "tests/server/model_folder.h"
#include "tests/server/raw_connection.h"
#include "tests/server/served.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Authority;
using ::cascade::testing::CertificateAndKey;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::IsOk;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::RawConnection;
using ::cascade::testing::Refuses;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::TempDir;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    RouteGrpcLogs();  // what gRPC says of clients that are refused on purpose
    Write(authority_.Sign("server"));
    std::ofstream(options_.client_ca = folder_.PathOf("clients.pem")) << clients_.certificate();
  }

  // The server's files from now on. Key first: a pair that is read in between does not fit.
  void Write(const CertificateAndKey& pair) {
    std::ofstream(options_.key = folder_.PathOf("server.key")) << pair.key;
    std::ofstream(options_.cert = folder_.PathOf("server.pem")) << pair.certificate;
  }

  std::unique_ptr<Served> Serve(bool ask_for_certificates) {
    TlsOptions tls = options_;
    if (!ask_for_certificates) tls.client_ca.clear();
    return std::make_unique<Served>(model_.path(), [&](Options& options) { options.tls = tls; });
  }

  // Whether a client gets an answer that trusts `authority` and shows `own`.
  static bool IsAnswered(const Served& served, const Authority& authority,
                         const CertificateAndKey& own = {}) {
    return IsAnswered(served, grpc::SslCredentials({.pem_root_certs = authority.certificate(),
                                                    .pem_private_key = own.key,
                                                    .pem_cert_chain = own.certificate}));
  }

  static bool IsAnswered(const Served& served,
                         const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto stub = v1::TextGeneration::NewStub(
        grpc::CreateCustomChannel(served.address(), credentials, arguments));
    return GenerateStream(*stub, Request(1)).status.ok();
  }

  const TempDir folder_;
  const ModelFolder model_;
  const Authority authority_{"authority"};
  const Authority clients_{"clients"};
  const Authority stranger_{"stranger"};
  TlsOptions options_;
};

TEST_F(TlsTest, AnswersWhoTrustsItsAuthority) {
  const auto served = Serve(/*ask_for_certificates=*/false);
  EXPECT_TRUE(IsAnswered(*served, authority_));
  EXPECT_FALSE(IsAnswered(*served, stranger_));
  EXPECT_TRUE(IsAnswered(*served, authority_, stranger_.Sign("client")));  // was not asked for
  EXPECT_FALSE(IsAnswered(*served, grpc::InsecureChannelCredentials()));
}

TEST_F(TlsTest, AsksForCertificatesOfItsClientsAuthority) {
  const auto served = Serve(/*ask_for_certificates=*/true);
  EXPECT_TRUE(IsAnswered(*served, authority_, clients_.Sign("client")));
  EXPECT_FALSE(IsAnswered(*served, authority_));
  EXPECT_FALSE(IsAnswered(*served, authority_, stranger_.Sign("client")));
  EXPECT_FALSE(IsAnswered(*served, authority_, clients_.Sign("client", -absl::Hours(1))));
}

TEST_F(TlsTest, AnExpiredCertificateIsRefusedByItsClients) {
  Write(authority_.Sign("server", -absl::Hours(1)));
  EXPECT_FALSE(IsAnswered(*Serve(/*ask_for_certificates=*/false), authority_));
}

TEST_F(TlsTest, NewFilesServeNewConnections) {
  const auto served = Serve(/*ask_for_certificates=*/false);
  EXPECT_TRUE(IsAnswered(*served, authority_));
  const Authority next("next authority");
  Write(next.Sign("server"));
  while (!IsAnswered(*served, next)) {
  }
  EXPECT_FALSE(IsAnswered(*served, authority_));
}

TEST_F(TlsTest, SpeaksNoTlsOlderThan12) {
  const auto served = Serve(/*ask_for_certificates=*/false);
  const auto shakes_hands = [&](int newest) {
    const RawConnection connection(served->address());
    SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);  // which allows all versions
    SSL_CTX_set_max_proto_version(context, newest);
    SSL* const session = SSL_new(context);
    SSL_set_fd(session, connection.fd());
    const bool done = SSL_connect(session) == 1;
    SSL_free(session);
    SSL_CTX_free(context);
    return done;
  };
  EXPECT_FALSE(shakes_hands(TLS1_VERSION));
  EXPECT_FALSE(shakes_hands(TLS1_1_VERSION));
  EXPECT_TRUE(shakes_hands(TLS1_2_VERSION));
  EXPECT_TRUE(shakes_hands(TLS1_3_VERSION));
}

TEST_F(TlsTest, ReadsWhatTheCertificateSays) {
  const absl::StatusOr<Certificate> certificate = ReadCertificate(options_);
  ASSERT_THAT(certificate, IsOk());
  EXPECT_EQ(certificate->subject, "CN=server");
  EXPECT_LT(certificate->not_before, absl::Now());
  EXPECT_GT(certificate->not_after, absl::Now());
}

TEST_F(TlsTest, SaysWhatIsWrongWithItsFiles) {
  const auto refusal = [](TlsOptions tls, std::vector<std::string> parts) {
    EXPECT_THAT(ReadCertificate(tls),
                Refuses(absl::StatusCode::kInvalidArgument, std::move(parts)));
  };
  TlsOptions tls = options_;
  tls.cert = folder_.PathOf("none");
  refusal(tls, {"--tls_cert=" + tls.cert, "No such file"});
  tls.cert = options_.key;
  refusal(tls, {"--tls_cert=" + tls.cert, "is no certificate in PEM"});
  tls.cert = options_.client_ca;
  refusal(tls, {"--tls_key=" + tls.key, "is no private key in PEM of the certificate", tls.cert});
  tls = options_;
  tls.key = folder_.path();
  refusal(tls, {"--tls_key=" + tls.key, "Is a directory"});
  tls = options_;
  tls.client_ca = options_.key;
  refusal(tls, {"--tls_client_ca=" + tls.client_ca, "has no certificate in PEM"});
}

}  // namespace
}  // namespace cascade::server
