// cascade-server: flags, signals, and how it ends.
//
// Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot start; then the reason is one line on
// stderr.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "server/observability/grpc_log.h"
#include "server/observability/logs.h"
#include "server/options.h"
#include "server/server.h"

namespace cascade::server {
namespace {

// SIGTERM and SIGINT, as calls that wait for them. Made before any other thread, so that they are
// blocked in all.
class ShutdownSignals {
 public:
  ShutdownSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  void Wait() const {
    int signal = 0;
    sigwait(&set_, &signal);
  }

 private:
  sigset_t set_;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "cascade-server: %s\n", std::string(status.message()).c_str());
  return EXIT_FAILURE;
}

// Lets running streams finish for `grace`, or until a second signal.
void DrainUnlessInterrupted(Server& server, const ShutdownSignals& signals, absl::Duration grace) {
  std::thread impatience([&server, &signals] {
    signals.Wait();
    server.Drain(absl::InfinitePast());
  });
  server.Drain(absl::Now() + grace);
  pthread_kill(impatience.native_handle(), SIGINT);  // in vain if it has had its signal
  impatience.join();
}

int Serve(const Options& options) {
  const ShutdownSignals signals;
  std::signal(SIGPIPE, SIG_IGN);  // a reader of stderr that goes away does not end the server
  StartLogging(options.log);
  RouteGrpcLogs();

  Server server(options);
  if (absl::Status status = server.Listen(); !status.ok()) return Fail(status);
  if (options.listen.ends_with(":0")) {
    std::printf("%s\n", server.address().c_str());
    std::fflush(stdout);
  }
  if (absl::Status status = server.LoadModel(); !status.ok()) return Fail(status);
  signals.Wait();
  Log(LogLevel::kInfo, "draining", {{"seconds", absl::ToInt64Seconds(options.drain)}});
  DrainUnlessInterrupted(server, signals, options.drain);
  server.Shutdown();
  Log(LogLevel::kInfo, "shut down");
  return EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  if (WantsHelp(argc, argv)) {
    std::fputs(HelpText().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) return Fail(options.status());
  try {
    return Serve(*options);
  } catch (const std::exception& error) {  // memory, above all: a model that does not fit
    return Fail(absl::InternalError(error.what()));
  }
}

}  // namespace
}  // namespace cascade::server

int main(int argc, char** argv) { return cascade::server::Main(argc, argv); }
