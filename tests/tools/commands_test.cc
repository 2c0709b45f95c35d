// SPDX-License-Identifier: Apache-2.0
// The subcommands against a server of the test's own, over TCP.
#include "tools/cascade/commands.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <streambuf>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/grpc/request/limits.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Remembers what it was asked. Generates two deltas; with the prompt "wait", it then interrupts
// this process and goes on only when the call is cancelled.
class FakeService : public v1::TextGeneration::Service {
 public:
  grpc::Status GenerateStream(grpc::ServerContext* context, const v1::GenerateRequest* request,
                              grpc::ServerWriter<v1::GenerateEvent>* writer) override {
    generate_request = *request;
    deadline = context->deadline();
    if (request->text() == "refuse") return {grpc::StatusCode::RESOURCE_EXHAUSTED, "full"};
    v1::GenerateEvent event;
    event.mutable_prompt();
    writer->Write(event);
    for (const char* text : {" a", " b"}) {
      event.mutable_delta()->set_text(text);
      writer->Write(event);
    }
    if (request->text() == "wait") {
      kill(getpid(), SIGINT);
      while (!context->IsCancelled()) writer->Write(event);
      return {grpc::StatusCode::CANCELLED, "cancelled"};
    }
    if (request->text() == "silence") {
      while (!context->IsCancelled()) std::this_thread::yield();
      return {grpc::StatusCode::CANCELLED, "cancelled"};
    }
    event.mutable_finish();
    if (request->text() != "no finish") writer->Write(event);
    event.mutable_summary();
    if (request->text() != "no summary") writer->Write(event);
    return grpc::Status::OK;
  }

  grpc::Status Tokenize(grpc::ServerContext*, const v1::TokenizeRequest* request,
                        v1::TokenizeResponse* response) override {
    response->add_token_ids(306);
    response->add_token_ids(7);
    if (request->pieces()) {
      response->add_pieces("Once");
      response->add_pieces("\xC3");
    }
    return grpc::Status::OK;
  }

  grpc::Status Detokenize(grpc::ServerContext*, const v1::DetokenizeRequest* request,
                          v1::DetokenizeResponse* response) override {
    detokenize_request = *request;
    response->set_text("\xEF\xBF\xBD");
    response->set_raw("\xC3");
    return grpc::Status::OK;
  }

  grpc::Status GetModel(grpc::ServerContext*, const v1::GetModelRequest*,
                        v1::GetModelResponse* response) override {
    response->set_name("tales");
    response->mutable_architecture()->set_n_layer(8);
    return grpc::Status::OK;
  }

  v1::GenerateRequest generate_request;
  std::chrono::system_clock::time_point deadline;  // of the last GenerateStream
  v1::DetokenizeRequest detokenize_request;
};

class FakeHealth : public grpc::health::v1::Health::Service {
 public:
  grpc::Status Check(grpc::ServerContext*, const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override {
    response->set_status(request->service() == v1::TextGeneration::service_full_name()
                             ? grpc::health::v1::HealthCheckResponse::SERVING
                             : grpc::health::v1::HealthCheckResponse::NOT_SERVING);
    return grpc::Status::OK;
  }
};

class CommandsTest : public ::testing::Test {
 protected:
  // The server's threads, which live here and not in another process, must not be ended by Ctrl-C.
  CommandsTest() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  }

  void StartServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service_);
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(port_, 0);
  }

  ExitCode Run(const std::unique_ptr<Command>& command, std::vector<std::string> args) {
    args.push_back(absl::StrCat("--server=127.0.0.1:", port_));
    return RunCommand(*command, args, console_);
  }

  std::istringstream in_{"from standard input"};
  std::ostringstream out_;
  std::ostringstream err_;
  Console console_{in_, out_, err_, false};
  FakeService service_;
  FakeHealth health_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(CommandsTest, GenerateStreamsTheText) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once"}), ExitCode::kOk);
  EXPECT_EQ(out_.str(), " a b\n");
  EXPECT_EQ(service_.generate_request.text(), "Once");
}

TEST_F(CommandsTest, GenerateSendsOnlyWhatIsGiven) {
  StartServer();
  Run(MakeGenerateCommand(), {"Once"});
  const v1::GenerateRequest& request = service_.generate_request;
  EXPECT_FALSE(request.sampling().has_temperature());
  EXPECT_FALSE(request.sampling().has_seed());
  EXPECT_FALSE(request.stopping().has_max_new_tokens());
  EXPECT_FALSE(request.has_truncation());
}

TEST_F(CommandsTest, GenerateSendsEveryFlag) {
  StartServer();
  Run(MakeGenerateCommand(),
      {"--temperature=0", "--top_k=3", "--top_p=0.5", "--min_p=0.25", "--seed=9",
       "--max_new_tokens=5", "--min_new_tokens=2", "--stop=x", "--stop=y", "--stop_token_ids=4,5",
       "--include_stop", "--ignore_eos", "--token_ids=1,2", "--parse_special_tokens",
       "--max_prompt_tokens=6", "--logprobs", "--candidates=2", "--report_token_ids",
       "--request_id=r"});
  const v1::GenerateRequest& request = service_.generate_request;
  EXPECT_EQ(request.sampling().temperature(), 0.0F);
  EXPECT_TRUE(request.sampling().has_temperature());
  EXPECT_EQ(request.sampling().top_k(), 3U);
  EXPECT_EQ(request.sampling().top_p(), 0.5F);
  EXPECT_EQ(request.sampling().min_p(), 0.25F);
  EXPECT_EQ(request.sampling().seed(), 9U);
  EXPECT_EQ(request.stopping().max_new_tokens(), 5U);
  EXPECT_EQ(request.stopping().min_new_tokens(), 2U);
  EXPECT_THAT(request.stopping().stop(), ElementsAre("x", "y"));
  EXPECT_THAT(request.stopping().stop_token_ids(), ElementsAre(4, 5));
  EXPECT_TRUE(request.stopping().include_stop());
  EXPECT_TRUE(request.stopping().ignore_eos());
  EXPECT_THAT(request.token_ids().ids(), ElementsAre(1, 2));
  EXPECT_TRUE(request.parse_special_tokens());
  EXPECT_EQ(request.truncation().max_prompt_tokens(), 6U);
  EXPECT_TRUE(request.response().logprobs());
  EXPECT_EQ(request.response().candidates(), 2U);
  EXPECT_TRUE(request.response().token_ids());
  EXPECT_EQ(request.request_id(), "r");
}

TEST_F(CommandsTest, GenerateAsksForTruncation) {
  StartServer();
  Run(MakeGenerateCommand(), {"--truncate", "x"});
  EXPECT_TRUE(service_.generate_request.has_truncation());
  EXPECT_FALSE(service_.generate_request.truncation().has_max_prompt_tokens());
}

TEST_F(CommandsTest, GenerateReadsThePromptFromStandardInput) {
  StartServer();
  Run(MakeGenerateCommand(), {"-"});
  EXPECT_EQ(service_.generate_request.text(), "from standard input");
}

TEST_F(CommandsTest, GenerateReadsNoMoreThanAServerTakes) {
  StartServer();
  EXPECT_EQ(kMaxTextBytes, server::kMaxTextBytes);
  in_.str(std::string(kMaxTextBytes, 'x'));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"-"}), ExitCode::kOk);
  EXPECT_EQ(service_.generate_request.text().size(), kMaxTextBytes);
  service_.generate_request.Clear();
  in_.clear();  // it is at its end
  in_.str(std::string(kMaxTextBytes + 1, 'x'));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"-"}), ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("standard input has more than 524288 bytes"));
  EXPECT_EQ(service_.generate_request.text(), "");
}

TEST_F(CommandsTest, GenerateDoesNotReadStandardInputToAnEndThatNeverComes) {
  // An endless stream, as /dev/zero is.
  class Endless : public std::streambuf {
    int_type underflow() override {
      setg(block_, block_, block_ + sizeof(block_));
      return traits_type::to_int_type(*block_);
    }
    char block_[512] = {};
  } endless;
  std::istream in(&endless);
  Console console{in, out_, err_, false};
  EXPECT_EQ(RunCommand(*MakeGenerateCommand(), std::vector<std::string>{"-"}, console),
            ExitCode::kUsage);
  EXPECT_THAT(err_.str(), HasSubstr("standard input has more than"));
}

TEST_F(CommandsTest, AStreamThatEndsEarlyIsAFailure) {
  StartServer();
  for (const std::string prompt : {"no finish", "no summary"}) {
    for (const std::string format : {"--json=false", "--json"}) {
      err_.str("");
      EXPECT_EQ(Run(MakeGenerateCommand(), {prompt, format}), ExitCode::kFailed) << prompt;
      EXPECT_THAT(err_.str(), HasSubstr("cascade: DATA_LOSS: the stream ended early"));
    }
  }
}

TEST_F(CommandsTest, EveryCallHasADeadlineUnlessTheUserWantsNone) {
  using std::chrono::system_clock;
  StartServer();
  const auto before = system_clock::now();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once"}), ExitCode::kOk);
  EXPECT_GT(service_.deadline, before + std::chrono::minutes(9));  // gRPC rounds it
  EXPECT_LT(service_.deadline, system_clock::now() + std::chrono::minutes(11));
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--timeout=0"}), ExitCode::kOk);
  EXPECT_EQ(service_.deadline, system_clock::time_point::max());
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--timeout=-1s"}), ExitCode::kUsage);
}

TEST_F(CommandsTest, ASilentServerIsGivenUp) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"silence", "--timeout=50ms"}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("DEADLINE_EXCEEDED"));
  EXPECT_THAT(err_.str(), HasSubstr("--timeout is 50ms; --timeout=0 waits for ever."));
}

// A server that takes connections and never says a word: not even HTTP/2's first.
TEST_F(CommandsTest, NoCommandWaitsForAServerThatSaysNothing) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, generic, size), 0);
  ASSERT_EQ(listen(listener, 16), 0);
  ASSERT_EQ(getsockname(listener, generic, &size), 0);
  port_ = ntohs(address.sin_port);
  const std::string timeout = "--timeout=50ms";
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeTokenizeCommand(), {"Once", timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"1", timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeModelCommand(), {timeout}), ExitCode::kFailed);
  EXPECT_EQ(Run(MakeHealthCommand(), {timeout}), ExitCode::kFailed);
  close(listener);
}

TEST_F(CommandsTest, HelpTellsTheTimeThatACallHas) {
  const auto help = [this](const std::unique_ptr<Command>& command) {
    out_.str("");
    EXPECT_EQ(Run(command, {"--help"}), ExitCode::kOk);
    return out_.str();
  };
  EXPECT_THAT(help(MakeGenerateCommand()), HasSubstr("0 is never (10m)"));
  for (const auto& make :
       {MakeTokenizeCommand, MakeDetokenizeCommand, MakeModelCommand, MakeHealthCommand}) {
    EXPECT_THAT(help(make()), HasSubstr("0 is never (30s)"));
  }
}

TEST_F(CommandsTest, GeneratePrintsJsonLines) {
  StartServer();
  Run(MakeGenerateCommand(), {"--json", "Once"});
  EXPECT_EQ(out_.str(),
            "{\"prompt\":{}}\n{\"delta\":{\"text\":\" a\"}}\n{\"delta\":{\"text\":\" b\"}}\n"
            "{\"finish\":{}}\n{\"summary\":{}}\n");
}

TEST_F(CommandsTest, CtrlCCancelsTheCall) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"wait"}), ExitCode::kInterrupted);
  EXPECT_THAT(err_.str(), HasSubstr("interrupted"));
}

TEST_F(CommandsTest, AFailedCallSaysWhy) {
  StartServer();
  EXPECT_EQ(Run(MakeGenerateCommand(), {"refuse"}), ExitCode::kFailed);
  EXPECT_EQ(err_.str(), "cascade: RESOURCE_EXHAUSTED: full\n");
  EXPECT_EQ(out_.str(), "");
}

TEST_F(CommandsTest, AServerThatIsNotThereIsNamedWithAWayOut) {
  port_ = 1;
  EXPECT_EQ(Run(MakeModelCommand(), {}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("no server answers at 127.0.0.1:1"));
  EXPECT_THAT(err_.str(), HasSubstr("make run"));
}

TEST_F(CommandsTest, AWrongCommandLineSendsNothing) {
  EXPECT_EQ(Run(MakeGenerateCommand(), {}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "upon"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeGenerateCommand(), {"Once", "--token_ids=1"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeGenerateCommand(), {"--no_such_flag"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeTokenizeCommand(), {}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"x"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeModelCommand(), {"x"}), ExitCode::kUsage);
  EXPECT_EQ(Run(MakeHealthCommand(), {"x"}), ExitCode::kUsage);
}

TEST_F(CommandsTest, APromptThatIsNotUtf8IsRefused) {
  in_.str("\xFF");
  EXPECT_EQ(Run(MakeGenerateCommand(), {"-"}), ExitCode::kUsage);
}

TEST_F(CommandsTest, TokenizeShowsIdsAndPieces) {
  StartServer();
  EXPECT_EQ(Run(MakeTokenizeCommand(), {"Once"}), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "   306  \"Once\"\n     7  \"\\xc3\"\n");
}

TEST_F(CommandsTest, TokenizeShowsIdsAlone) {
  StartServer();
  Run(MakeTokenizeCommand(), {"Once", "--ids"});
  EXPECT_EQ(out_.str(), "306 7\n");
}

TEST_F(CommandsTest, DetokenizeGivesAPipeTheRawBytes) {
  StartServer();
  EXPECT_EQ(Run(MakeDetokenizeCommand(), {"1", "2,3"}), ExitCode::kOk);
  EXPECT_THAT(service_.detokenize_request.token_ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(out_.str(), "\xC3\n");
}

TEST_F(CommandsTest, DetokenizeGivesATerminalText) {
  StartServer();
  console_.out_is_terminal = true;
  Run(MakeDetokenizeCommand(), {"1"});
  EXPECT_EQ(out_.str(), "\xEF\xBF\xBD\n");
}

TEST_F(CommandsTest, ModelShowsATable) {
  StartServer();
  EXPECT_EQ(Run(MakeModelCommand(), {}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("name          tales\n"));
  EXPECT_THAT(out_.str(), HasSubstr("8 layers"));
}

TEST_F(CommandsTest, ModelShowsJson) {
  StartServer();
  Run(MakeModelCommand(), {"--json"});
  EXPECT_EQ(out_.str(), "{\"name\":\"tales\",\"architecture\":{\"n_layer\":8}}\n");
}

TEST_F(CommandsTest, HealthExitsByWhatItHears) {
  StartServer();
  EXPECT_EQ(Run(MakeHealthCommand(), {}), ExitCode::kOk);
  EXPECT_EQ(out_.str(), "SERVING\n");
  EXPECT_EQ(Run(MakeHealthCommand(), {"--service="}), ExitCode::kFailed);
}

TEST_F(CommandsTest, TheEnvironmentMayNameTheServer) {
  setenv("CASCADE_SERVER", "127.0.0.1:2", 1);  // NOLINT(concurrency-mt-unsafe): one thread
  EXPECT_EQ(RunCommand(*MakeModelCommand(), {}, console_), ExitCode::kFailed);
  unsetenv("CASCADE_SERVER");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_THAT(err_.str(), HasSubstr("no server answers at 127.0.0.1:2"));
}

TEST_F(CommandsTest, AnOutputThatCannotBeWrittenIsAFailure) {
  StartServer();
  out_.setstate(std::ios::badbit);  // a full disk
  EXPECT_EQ(Run(MakeHealthCommand(), {}), ExitCode::kFailed);
  EXPECT_THAT(err_.str(), HasSubstr("cannot be written"));
}

TEST_F(CommandsTest, HelpShowsFlagsAndExamples) {
  EXPECT_EQ(Run(MakeGenerateCommand(), {"--help"}), ExitCode::kOk);
  EXPECT_THAT(out_.str(), HasSubstr("--temperature=T"));
  EXPECT_THAT(out_.str(), HasSubstr("cascade generate \"Once upon a time\""));
}

}  // namespace
}  // namespace cascade::cli
