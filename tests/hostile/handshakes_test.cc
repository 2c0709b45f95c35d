// SPDX-License-Identifier: Apache-2.0
// TLS handshakes, which cost the server more than the client.
#include <openssl/bio.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/credentials.h"
#include "tests/hostile/hostile.h"
#include "tests/server/grpc/auth/certificates.h"

namespace cascade::testing {
namespace {

using std::chrono::steady_clock;

// A client that trusts everybody and does not resume sessions.
class HandshakeClient {
 public:
  HandshakeClient() {
    SSL_CTX_set_session_cache_mode(context_.get(), SSL_SESS_CACHE_OFF);
    constexpr unsigned char kHttp2[] = {2, 'h', '2'};
    SSL_CTX_set_alpn_protos(context_.get(), kHttp2, sizeof kHttp2);
  }

  // Connects, and either says hello and leaves or ends the handshake and leaves. True if the server
  // did its part.
  bool Shake(const std::string& address, bool to_its_end) const {
    const std::unique_ptr<BIO, decltype(&BIO_free_all)> socket(BIO_new_connect(address.c_str()),
                                                               &BIO_free_all);
    if (BIO_do_connect(socket.get()) != 1) return false;
    // Does not wait for a server that answers nobody.
    const timeval second = {.tv_sec = 1, .tv_usec = 0};
    const int fd = static_cast<int>(BIO_get_fd(socket.get(), nullptr));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_connect_state(ssl.get());
    if (to_its_end) {
      BIO_up_ref(socket.get());
      SSL_set_bio(ssl.get(), socket.get(), socket.get());
      return SSL_do_handshake(ssl.get()) == 1;
    }
    // The hello goes to memory, and from there to the server, who answers it in vain.
    BIO* const out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), out);
    SSL_do_handshake(ssl.get());
    char* hello = nullptr;
    const auto bytes = static_cast<int>(BIO_get_mem_data(out, &hello));
    return BIO_write(socket.get(), hello, bytes) == bytes;
  }

 private:
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_{SSL_CTX_new(TLS_client_method()),
                                                                   &SSL_CTX_free};
};

class HostileHandshakes : public Hostile {
 protected:
  HostileHandshakes() {
    const CertificateAndKey own = authority_.Sign("server");
    std::ofstream(certificate_) << own.certificate;
    std::ofstream(key_) << own.key;
    BystandersTrust(grpc::SslCredentials(
        {.pem_root_certs = authority_.certificate(), .pem_private_key = "", .pem_cert_chain = ""}));
  }

  // As many handshakes as a few threads manage, each on a connection of its own.
  void ShakeAll(bool to_their_end, const std::string& name) {
    Serve({"--tls_cert=" + certificate_, "--tls_key=" + key_});
    std::atomic<std::size_t> handshakes = 0;
    const auto begin = steady_clock::now();
    Attack([&](Time until) {
      constexpr int kThreads = 4;
      std::vector<std::thread> threads;
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&] {
          const HandshakeClient client;
          while (steady_clock::now() < until) handshakes += client.Shake(address(), to_their_end);
        });
      }
      for (std::thread& thread : threads) thread.join();
    });
    const double seconds = std::chrono::duration<double>(steady_clock::now() - begin).count();
    Expect(handshakes > 0, "no handshake was answered");
    const double rate = static_cast<double>(handshakes) / seconds;
    End(absl::StrCat(name, ", ", static_cast<int>(rate), " a second"));
  }

 private:
  const Authority authority_{"authority"};
  const std::string certificate_ = folder() + "/server.pem";
  const std::string key_ = folder() + "/server.key";
};

TEST_F(HostileHandshakes, AreEndedAndDropped) {
  ShakeAll(/*to_their_end=*/true, "whole TLS handshakes");
}

TEST_F(HostileHandshakes, AreBegunAndDropped) {
  ShakeAll(/*to_their_end=*/false, "TLS hellos that nobody ends");
}

}  // namespace
}  // namespace cascade::testing
