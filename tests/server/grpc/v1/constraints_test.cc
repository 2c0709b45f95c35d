// SPDX-License-Identifier: Apache-2.0
// Constrained answers as clients see them, over loopback TCP.
#include <cstdint>
#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/model_folder.h"
#include "tests/server/served.h"

namespace cascade::server {
namespace {

using ::cascade::testing::BadFields;
using ::cascade::testing::GenerateStream;
using ::cascade::testing::ModelFolder;
using ::cascade::testing::Request;
using ::cascade::testing::Served;
using ::cascade::testing::Stream;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr auto kComplete = v1::FINISH_REASON_CONSTRAINT_COMPLETE;

class ConstraintsTest : public ::testing::Test {
 protected:
  // A request that samples: greedy, the model of arbitrary weights says one token for ever.
  static v1::GenerateRequest Sampled(std::uint64_t seed) {
    v1::GenerateRequest request = Request(300);
    request.mutable_sampling()->set_temperature(1.0F);
    request.mutable_sampling()->set_seed(seed);
    return request;
  }

  v1::GenerateResponse Generate(const v1::GenerateRequest& request) {
    grpc::ClientContext context;
    v1::GenerateResponse response;
    const grpc::Status status = served_.stub().Generate(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  // The answers of several seeds, each with the reason why it ended.
  std::vector<v1::Choice> Answers(const std::function<void(v1::Constraint&)>& constrain) {
    std::vector<v1::Choice> answers;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      v1::GenerateRequest request = Sampled(seed);
      constrain(*request.mutable_constraint());
      answers.push_back(Generate(request).choices(0));
    }
    return answers;
  }

  grpc::Status ErrorOf(const std::function<void(v1::Constraint&)>& constrain) {
    v1::GenerateRequest request = Request(10);
    constrain(*request.mutable_constraint());
    return GenerateStream(served_.stub(), request).status;
  }

  ModelFolder folder_;
  Served served_{folder_.path()};
};

TEST_F(ConstraintsTest, ARegexMatchesTheWholeAnswer) {
  const std::regex pattern("[A-Z][a-z]{2,8}, \\d{1,4}(\\.\\d{2})?");
  for (const v1::Choice& answer : Answers([](v1::Constraint& constraint) {
         constraint.set_regex("[A-Z][a-z]{2,8}, \\d{1,4}(\\.\\d{2})?");
       })) {
    EXPECT_TRUE(std::regex_match(answer.text(), pattern)) << answer.text();
    EXPECT_THAT(answer.finish().reason(), AnyOf(kComplete, v1::FINISH_REASON_EOS));
  }
}

TEST_F(ConstraintsTest, AChoiceIsOneOfTheTexts) {
  for (const v1::Choice& answer : Answers([](v1::Constraint& constraint) {
         for (const char* text : {"yes", "no", "perhaps", "no, never"}) {
           constraint.mutable_choice()->add_values(text);
         }
       })) {
    EXPECT_THAT((std::vector<std::string>{"yes", "no", "perhaps", "no, never"}),
                Contains(answer.text()));
  }
}

TEST_F(ConstraintsTest, ASchemaDescribesTheAnswer) {
  for (const v1::Choice& answer : Answers([](v1::Constraint& constraint) {
         constraint.set_json_schema(R"({
           "type": "object",
           "properties": {
             "name": {"type": "string", "minLength": 1, "maxLength": 12},
             "age": {"type": "integer", "minimum": 7, "maximum": 120},
             "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2}
           },
           "required": ["name", "age"],
           "additionalProperties": false
         })");
       })) {
    ASSERT_EQ(answer.finish().reason(), kComplete);
    const nlohmann::json json = nlohmann::json::parse(answer.text());
    EXPECT_FALSE(json["name"].get<std::string>().empty());
    EXPECT_GE(json["age"].get<int>(), 7);
    EXPECT_LE(json["age"].get<int>(), 120);
    EXPECT_THAT(json, AnyOf(SizeIs(2), SizeIs(3)));
  }
}

TEST_F(ConstraintsTest, AGrammarDescribesTheAnswer) {
  for (const v1::Choice& answer : Answers([](v1::Constraint& constraint) {
         constraint.set_grammar("root ::= \"<\" root? \">\" | [xy]");
       })) {
    const std::string& text = answer.text();
    if (answer.finish().reason() != kComplete) continue;  // too deep for max_new_tokens
    EXPECT_EQ(std::count(text.begin(), text.end(), '<'), std::count(text.begin(), text.end(), '>'));
  }
}

TEST_F(ConstraintsTest, AnyObjectIsJson) {
  std::size_t complete = 0;
  for (const v1::Choice& answer :
       Answers([](v1::Constraint& constraint) { constraint.set_json_object(true); })) {
    if (answer.finish().reason() != kComplete) continue;
    ++complete;
    EXPECT_TRUE(nlohmann::json::parse(answer.text()).is_object());
  }
  EXPECT_GT(complete, 0U);
}

TEST_F(ConstraintsTest, NeitherDraftsNorOtherChoicesChangeTheAnswer) {
  v1::GenerateRequest request = Sampled(3);
  request.mutable_constraint()->set_json_schema(
      R"({"type": "object", "properties": {"colour": {"enum": ["red", "green"]},
          "size": {"type": "integer"}}, "required": ["colour", "size"]})");
  request.mutable_response()->set_logprobs(true);
  request.mutable_response()->set_candidates(2);
  request.mutable_sampling()->set_n(3);
  const v1::GenerateResponse together = Generate(request);
  for (const v1::Choice& choice : together.choices()) {
    request.mutable_sampling()->set_n(1);
    request.mutable_sampling()->set_seed(choice.finish().seed());
    for (const bool speculation : {true, false}) {
      request.set_speculation(speculation);
      const v1::Choice alone = Generate(request).choices(0);
      EXPECT_EQ(alone.text(), choice.text());
      ASSERT_EQ(alone.logprobs_size(), choice.logprobs_size());
      for (int i = 0; i < alone.logprobs_size(); ++i) {
        EXPECT_EQ(alone.logprobs(i).SerializeAsString(), choice.logprobs(i).SerializeAsString());
      }
    }
  }
}

TEST_F(ConstraintsTest, ErrorsNameTheFieldAndThePlace) {
  const auto error = [this](const std::function<void(v1::Constraint&)>& constrain,
                            const std::string& field, const std::string& part) {
    const grpc::Status status = ErrorOf(constrain);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(BadFields(status), ElementsAre(field));
    EXPECT_THAT(status.error_message(), HasSubstr(part));
  };
  error([](v1::Constraint& c) { c.set_regex("a(b"); }, "constraint.regex", "at character 3");
  error([](v1::Constraint& c) { c.set_regex(""); }, "constraint.regex", "must not be empty");
  error([](v1::Constraint& c) { c.set_regex(std::string(70'000, 'a')); }, "constraint.regex",
        "has 70000 bytes; must have at most 65536");
  error([](v1::Constraint& c) { c.set_regex("()"); }, "constraint.regex", "only the empty text");
  error([](v1::Constraint& c) { c.set_regex("(.?){1000}"); }, "constraint.regex", "too ambiguous");
  error([](v1::Constraint& c) { c.set_json_schema("{\"not\": {}}"); }, "constraint.json_schema",
        "#/not");
  error([](v1::Constraint& c) { c.set_grammar("root ::= other"); }, "constraint.grammar", "other");
  error([](v1::Constraint& c) { c.mutable_choice(); }, "constraint.choice.values", "at least one");
  error([](v1::Constraint& c) { c.mutable_choice()->add_values(""); },
        "constraint.choice.values[0]", "must not be empty");
  error(
      [](v1::Constraint& c) {
        for (int i = 0; i < 1025; ++i) c.mutable_choice()->add_values("x");
      },
      "constraint.choice.values", "has 1025 texts; must have at most 1024");
  error([](v1::Constraint& /*c*/) {}, "constraint", "must be one of regex");
}

TEST_F(ConstraintsTest, FalseIsNoConstraint) {
  v1::GenerateRequest request = Request(5);
  const std::string plain = Generate(request).choices(0).text();
  request.mutable_constraint()->set_json_object(false);
  EXPECT_EQ(Generate(request).choices(0).text(), plain);
}

TEST_F(ConstraintsTest, RulesThatLeaveNoneOfItsTokensAreTold) {
  v1::GenerateRequest request = Request(5);
  request.mutable_constraint()->set_regex("7+");
  request.mutable_token_rules()->add_banned_words("7");
  const grpc::Status status = GenerateStream(served_.stub(), request).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("the constraint excludes"));
}

TEST(ConstraintsWithoutTokenizerTest, AreRefused) {
  const ModelFolder folder;
  Served served(folder.path(), [](Options& options) { options.tokenizer = "none"; });
  v1::GenerateRequest request;
  request.mutable_token_ids()->add_ids(1);
  request.mutable_constraint()->set_json_object(true);
  const grpc::Status status = GenerateStream(served.stub(), request).status;
  EXPECT_THAT(BadFields(status), ElementsAre("constraint.json_object"));
  EXPECT_THAT(status.error_message(), HasSubstr("no tokenizer"));
}

}  // namespace
}  // namespace cascade::server
