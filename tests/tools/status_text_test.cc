// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/status_text.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tools/cascade/generation_flags.h"

namespace cascade::cli {
namespace {

TEST(StatusTextTest, IsCodeAndMessage) {
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::UNAVAILABLE, "shutting down")),
            "UNAVAILABLE: shutting down");
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "who?")),
            "UNAUTHENTICATED: who?");
}

TEST(StatusTextTest, PrintsEveryFieldViolationOnItsLineInPlaceOfTheMessage) {
  google::rpc::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("sampling.top_p");
  violation->set_description("must be above 0");
  violation = bad_request.add_field_violations();
  violation->set_field("stopping.stop[0]");
  violation->set_description("must not be empty");
  google::rpc::Status details;
  EXPECT_TRUE(details.add_details()->PackFrom(bad_request));
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "2 fields are wrong",
                                    details.SerializeAsString())),
            "INVALID_ARGUMENT:\n"
            "  sampling.top_p: must be above 0\n"
            "  stopping.stop[0]: must not be empty");
  const std::vector<std::string> flags = {"stop", "temperature"};
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "2 fields are wrong",
                                    details.SerializeAsString()),
                       flags),
            "INVALID_ARGUMENT:\n"
            "  sampling.top_p: must be above 0\n"
            "  stopping.stop[0]: must not be empty (--stop)");
}

// Of all flags that say what is generated, the one that sets the field.
TEST(FlagOfFieldTest, HasTheMostWordsOfTheField) {
  GenerationFlags generation;
  Flags flags;
  generation.AddTo(flags);
  std::vector<std::string> names;
  for (const Flags::Flag& flag : flags.all()) names.push_back(flag.name);
  const std::pair<const char*, const char*> cases[] = {
      {"sampling.temperature", "temperature"},
      {"sampling.n", "n"},
      {"sampling.best_of.choices", "best_of"},
      {"sampling.per_choice[1].temperature", "choice_temperature"},
      {"penalties.repetition", "repetition_penalty"},
      {"penalties.window", "penalty_window"},
      {"penalties.no_repeat_ngram_size", "no_repeat_ngram_size"},
      {"penalties.dry.base", "dry_base"},
      {"penalties.dry.breakers[2]", "dry_breaker"},
      {"token_rules.banned_words[0]", "banned_word"},
      {"beam_search.width", "beams"},
      {"beam_search.groups", "beam_groups"},
      {"beam_search.length_penalty", "beam_length_penalty"},
      {"stopping.length_penalty.factor", "length_penalty"},
      {"stopping.max_new_tokens", "max_new_tokens"},
      {"stopping.stop[0]", "stop"},
      {"stopping.stop_token_ids[0]", "stop_token_ids"},
      {"constraint.choice.values[3]", "choice"},
      {"constraint.json_schema", "json_schema"},
      {"penalties.dry.window", ""},  // dry_window or penalty_window
      {"token_rules.bias", ""},
      {"text", ""},
      {"", ""},
  };
  for (const auto& [field, flag] : cases) EXPECT_EQ(FlagOfField(field, names), flag) << field;
}

TEST(StatusTextTest, SaysWhenToTryAgain) {
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  retry.mutable_retry_delay()->set_nanos(500'000'000);
  google::rpc::Status details;
  EXPECT_TRUE(details.add_details()->PackFrom(retry));
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full",
                                    details.SerializeAsString())),
            "RESOURCE_EXHAUSTED: the queue is full\n  try again in 1.5s");
}

TEST(StatusTextTest, LeavesOutDetailsThatDoNotParse) {
  EXPECT_EQ(StatusText(grpc::Status(grpc::StatusCode::INTERNAL, "broken", "\xFF\xFF\xFF")),
            "INTERNAL: broken");
}

}  // namespace
}  // namespace cascade::cli
