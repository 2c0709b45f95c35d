// SPDX-License-Identifier: Apache-2.0
// cascade-server: flags, signals, and how it ends.
//
// Exit status: 0 after SIGTERM, SIGINT or SIGHUP, while the model loads too; 1 if it cannot start,
// or cannot end because the model hangs; 2 if the command line is wrong. The reason is one line on
// stderr.

#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/bus_error.h"
#include "server/cgroup.h"
#include "server/command_line.h"
#include "server/engine/clock.h"
#include "server/environment.h"
#include "server/help_text.h"
#include "server/listener/connection_limits.h"
#include "server/observability/grpc_log.h"
#include "server/observability/logs.h"
#include "server/options.h"
#include "server/server.h"

namespace cascade::server {
namespace {

// Three times what a good shutdown after the drain takes at most: clients that read slowly have
// five seconds to take their last messages.
constexpr std::chrono::seconds kShutdownTime{15};

// SIGTERM, SIGINT and SIGHUP, as calls that wait for them. Made before any other thread, so that
// they are blocked in all.
class ShutdownSignals {
 public:
  ShutdownSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGHUP);  // the terminal is gone: streams end as they do at SIGTERM
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  void Wait() const {
    int signal = 0;
    sigwait(&set_, &signal);
  }

 private:
  sigset_t set_;
};

constexpr int kExitUsage = 2;

int Fail(const absl::Status& status, int exit_status = EXIT_FAILURE) {
  const absl::string_view message = status.message().empty() ? "memory ran out" : status.message();
  WriteLastLine(absl::StrCat("cascade-server: ", message));
  return exit_status;
}

// Loads the model in a thread of its own, so that signals are heard meanwhile.
class Loading {
 public:
  explicit Loading(Server& server)
      : starter_(pthread_self()), thread_([this, &server] { Run(server); }) {}
  ~Loading() { thread_.join(); }
  Loading(const Loading&) = delete;
  Loading& operator=(const Loading&) = delete;

  // After the starter's signal. Ends the process if the model was not there yet: nothing has been
  // accepted and nothing is half-done that the next start would mind, and waiting for a slow disk
  // would be for nothing. Else the result of loading.
  absl::Status AwaitOrExit() {
    if (state_.exchange(State::kInterrupted) == State::kLoading) {
      Log(LogLevel::kInfo, "shut down while loading");
      FlushLogs();
      std::_Exit(EXIT_SUCCESS);
    }
    finished_.wait(false);
    return status_;
  }

 private:
  enum class State : std::uint8_t { kLoading, kLoaded, kInterrupted };

  void Run(Server& server) {
    status_ = server.LoadModel();
    const bool interrupted = state_.exchange(State::kLoaded) == State::kInterrupted;
    if (status_.ok() && !interrupted) status_ = StartServing(server);
    finished_.store(true);
    finished_.notify_all();
    if (!status_.ok()) pthread_kill(starter_, SIGTERM);  // ends the starter's wait for a signal
  }

  static absl::Status StartServing(Server& server) {
    try {
      server.StartServing();
      return absl::OkStatus();
    } catch (const std::exception& error) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no memory or no thread to begin serving: ", error.what()));
    }
  }

  const pthread_t starter_;
  std::atomic<State> state_ = State::kLoading;
  std::atomic<bool> finished_ = false;
  absl::Status status_;  // the thread's, until finished_
  std::thread thread_;   // last: the rest is there before it starts
};

// Drains. Ends the process if the worker hangs, since nothing that it uses can be destroyed then.
void DrainOrExit(Server& server, absl::Time deadline) {
  const absl::Status status = server.Drain(deadline);
  if (!status.ok()) std::_Exit(Fail(status));
}

// Lets running streams finish for `grace`, or until a second signal.
void DrainUnlessInterrupted(Server& server, const ShutdownSignals& signals, absl::Duration grace) {
  std::thread second_signal([&server, &signals] {
    signals.Wait();
    DrainOrExit(server, absl::InfinitePast());
  });
  DrainOrExit(server, MonotonicNow() + grace);
  // Ends the thread's wait; does nothing if a second signal has already ended it.
  pthread_kill(second_signal.native_handle(), SIGINT);
  second_signal.join();
}

// gRPC waits until the last call has ended. A call that never ends is a bug, in gRPC or here, and
// must not keep the process alive.
void ShutdownOrExit(Server& server) {
  std::future<void> ended = std::async(std::launch::async, [&server] { server.Shutdown(); });
  if (ended.wait_for(kShutdownTime) == std::future_status::ready) return ended.get();
  std::_Exit(Fail(absl::InternalError(
      absl::StrCat("a call did not end in ", kShutdownTime.count(), " seconds of shutting down"))));
}

// Prints the address to dial for each one that was given with port 0; that of the metrics last.
void PrintChosenPorts(const Options& options, const Server& server) {
  const std::vector<std::string>& listen = options.listen.addresses;
  for (std::size_t i = 0; i < listen.size(); ++i) {
    if (listen[i].ends_with(":0")) std::printf("%s\n", server.addresses()[i].c_str());
  }
  if (options.metrics_address.ends_with(":0")) {
    std::printf("%s\n", server.metrics_address().c_str());
  }
  std::fflush(stdout);
}

// The allocator keeps memory that was freed in pools, eight for each CPU unless told otherwise. A
// burst of large requests fills as many of them as gRPC has threads, and its memory would stay with
// the process: with one pool for each CPU the peak of 1,000 texts of 512 KiB is a fifth lower.
void LimitAllocatorPools() {
  constexpr std::size_t kFewest = 2;
  mallopt(M_ARENA_MAX, static_cast<int>(std::max(kFewest, CpuLimit())));
}

// StartLogging before. A warning and no error: an environment may have variables for other readers.
void WarnOfUnknownVariables() {
  for (const std::string& variable : UnknownVariables(environ)) {
    Log(LogLevel::kWarning, "a variable of the environment sets no flag", {{"variable", variable}});
  }
}

int Serve(const Options& options) {
  const ShutdownSignals signals;
  std::signal(SIGPIPE, SIG_IGN);  // a reader of stderr that goes away does not end the server
  ExplainBusErrors();
  LimitAllocatorPools();
  StartLogging(options.log);
  RouteGrpcLogs();
  WarnOfUnknownVariables();
  RaiseDescriptorLimit();

  Server server(options);
  if (absl::Status status = server.Listen(); !status.ok()) return Fail(status);
  PrintChosenPorts(options, server);
  {
    Loading loading(server);
    signals.Wait();
    if (absl::Status status = loading.AwaitOrExit(); !status.ok()) return Fail(status);
  }
  Log(LogLevel::kInfo, "draining", {{"seconds", absl::ToInt64Seconds(options.drain)}});
  DrainUnlessInterrupted(server, signals, options.drain);
  ShutdownOrExit(server);
  Log(LogLevel::kInfo, "shut down");
  return EXIT_SUCCESS;
}

int Main(int argc, char** argv) {
  if (WantsHelp(argc, argv)) {
    std::fputs(HelpText().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  const absl::StatusOr<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) return Fail(options.status(), kExitUsage);
  if (options->print_config) {
    std::fputs(ConfigText().c_str(), stdout);
    return EXIT_SUCCESS;
  }
  try {
    if (options->config_check) {
      StartLogging(options->log);
      WarnOfUnknownVariables();
      const absl::Status status = Server::Check(*options);
      return status.ok() ? EXIT_SUCCESS : Fail(status);
    }
    return Serve(*options);
  } catch (const std::exception& error) {  // the server itself: loading returns its errors
    return Fail(absl::ResourceExhaustedError(
        absl::StrCat("no memory or no thread to start the server: ", error.what())));
  }
}

}  // namespace
}  // namespace cascade::server

int main(int argc, char** argv) { return cascade::server::Main(argc, argv); }
