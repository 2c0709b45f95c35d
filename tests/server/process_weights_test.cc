// SPDX-License-Identifier: Apache-2.0
// The real binary and the models, whole and broken, that it is given.
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/child_server.h"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"
#include "tests/server/server_process.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::Child;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::HealthCheckResponse;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::ServerProcess;
using ::cascade::testing::Stream;
using ::cascade::testing::TempDir;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class ProcessWeightsTest : public ::testing::Test {
 protected:
  ModelFolder folder_;
};

TEST_F(ProcessWeightsTest, ServesInt8) {
  Child child(folder_.path(), {"--weights=int8"});
  child.WaitFor(HealthCheckResponse::SERVING);
  grpc::ClientContext context;
  v1::GetModelResponse model;
  ASSERT_TRUE(child.stub().GetModel(&context, v1::GetModelRequest(), &model).ok());
  EXPECT_EQ(model.weights().stored_type(), "f32");
  EXPECT_EQ(model.weights().memory_type(), "int8");
  EXPECT_THAT(model.fingerprint(), HasSubstr("-int8-n"));
  const Stream first = GenerateStream(child.stub(), Request(8));
  ASSERT_TRUE(first.status.ok());
  EXPECT_EQ(first.Answer().text(), GenerateStream(child.stub(), Request(8)).Answer().text());
}

TEST_F(ProcessWeightsTest, ServesInt8Activations) {
  Child child(folder_.path(), {"--weights=int8", "--activations=int8"});
  child.WaitFor(HealthCheckResponse::SERVING);
  grpc::ClientContext context;
  v1::GetModelResponse model;
  ASSERT_TRUE(child.stub().GetModel(&context, v1::GetModelRequest(), &model).ok());
  EXPECT_EQ(model.weights().memory_type(), "int8");
  EXPECT_EQ(model.weights().activation_type(), "int8");
  EXPECT_THAT(model.fingerprint(), HasSubstr("-int8xint8-n"));
  const Stream first = GenerateStream(child.stub(), Request(8));
  ASSERT_TRUE(first.status.ok());
  EXPECT_EQ(first.Answer().text(), GenerateStream(child.stub(), Request(8)).Answer().text());
}

TEST_F(ProcessWeightsTest, Int8ActivationsRefuseOtherWeights) {
  ServerProcess process(
      {"--model=" + folder_.path(), "--listen=127.0.0.1:0", "--activations=int8"});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.StandardError(),
              HasSubstr("activations as int8 need weights as int8 or int4"));
}

TEST_F(ProcessWeightsTest, Int8RefusesWeightsThatAreNotFinite) {
  folder_.SpoilWeights();
  ServerProcess process({"--model=" + folder_.path(), "--listen=127.0.0.1:0", "--weights=int8"});
  EXPECT_EQ(process.Wait(), 1);
  EXPECT_THAT(process.StandardError(), HasSubstr("int8 needs finite weights"));
}

TEST_F(ProcessWeightsTest, PackedWeightsAreMadeOnceAndReadFromThenOn) {
  const TempDir cache;
  const std::string path = cache.PathOf("tiny_.f16.packed");
  std::string answers;
  for (const std::string log :
       {"info packed weights made path=", "info packed weights read path="}) {
    Child child(folder_.path(),
                {"--packed_weights_cache=" + cache.path(), "--model_name=tiny/", "--weights=f16"});
    child.WaitFor(HealthCheckResponse::SERVING);
    answers += GenerateStream(child.stub(), Request(20)).Answer().text() + "|";
    child.process().Signal(SIGTERM);
    EXPECT_EQ(child.process().Wait(), 0);
    EXPECT_THAT(child.process().StandardError(), HasSubstr(log + path));
  }
  const std::size_t half = answers.size() / 2;
  EXPECT_EQ(answers.substr(0, half), answers.substr(half));
}

TEST_F(ProcessWeightsTest, NothingThatIsDoneToThePackedWeightsChangesAnAnswer) {
  for (const bool truncate : {false, true}) {
    const TempDir cache;
    Child child(folder_.path(), {"--packed_weights_cache=" + cache.path(), "--model_name=tiny"});
    child.WaitFor(HealthCheckResponse::SERVING);
    const std::string before = GenerateStream(child.stub(), Request(50)).Answer().text();
    const std::string path = cache.PathOf("tiny.auto.packed");
    const std::size_t size = std::filesystem::file_size(path);
    cache.WriteFile("tiny.auto.packed", std::string(truncate ? 0 : size, 'x'));
    const Stream after = GenerateStream(child.stub(), Request(50));
    EXPECT_TRUE(after.status.ok()) << after.status.error_message();
    EXPECT_EQ(after.Answer().text(), before);
    child.process().Signal(SIGTERM);
    EXPECT_EQ(child.process().Wait(), 0);
    EXPECT_THAT(child.process().StandardError(),
                AnyOf(HasSubstr("opened the packed weights' file for writing"),
                      HasSubstr("the system gives no lease")));
  }
}

TEST_F(ProcessWeightsTest, PackedWeightsThatCannotBeKeptAreAWarning) {
  Child child(folder_.path(), {"--packed_weights_cache=/does/not/exist"});
  child.WaitFor(HealthCheckResponse::SERVING);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  EXPECT_THAT(
      child.process().StandardError(),
      AllOf(HasSubstr("warning packed weights cannot be kept"), HasSubstr("/does/not/exist/")));
}

TEST_F(ProcessWeightsTest, WarnsOfWeightsThatAreNotNumbers) {
  folder_.SpoilWeights();
  Child child(folder_.path(), {});
  child.WaitFor(HealthCheckResponse::SERVING);
  EXPECT_EQ(GenerateStream(child.stub(), Request(3)).status.error_code(),
            grpc::StatusCode::INTERNAL);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  EXPECT_THAT(child.process().StandardError(), HasSubstr("warning the weights contain NaN"));
}

// One line for each thing that the files say and the server does otherwise.
TEST_F(ProcessWeightsTest, WarnsOfWhatItDoesNotFollow) {
  folder_.Write("generation_config.json",
                R"({"min_length": 13, "num_beams": 1, "eos_token_id": [9999, 4095]})");
  Child child(folder_.path(), {});
  child.WaitFor(HealthCheckResponse::SERVING);
  child.process().Signal(SIGTERM);
  EXPECT_EQ(child.process().Wait(), 0);
  const std::string log = child.process().StandardError();
  constexpr char kWarning[] = "warning the model is served otherwise than its files say ";
  EXPECT_THAT(log, HasSubstr(kWarning));
  EXPECT_THAT(log, HasSubstr("min_length (13)"));
  EXPECT_THAT(log, HasSubstr("eos_token_id 9999 is beyond the vocabulary of 4096"));
  EXPECT_EQ(log.find("num_beams"), std::string::npos);
}

TEST_F(ProcessWeightsTest, ABrokenModelFolderIsNamed) {
  const struct {
    std::string file;
    std::string contents;
  } cases[] = {
      {"config.json", "{"},
      {"generation_config.json", "{\"temperature\": -1}"},
      {"vocab.json", "[]"},
      {"model.safetensors", "truncated"},
  };
  for (const auto& c : cases) {
    const ModelFolder folder;
    folder.Write(c.file, c.contents);
    ServerProcess process({"--model=" + folder.path(), "--listen=127.0.0.1:0", "--log_level=off"});
    EXPECT_EQ(process.Wait(), 1) << c.file;
    EXPECT_THAT(process.StandardError(), AllOf(HasSubstr(absl::StrCat(folder.path(), "/", c.file)),
                                               MatchesRegex("cascade-server: [^\n]+\n")));
  }
}

}  // namespace
}  // namespace cascade::server
