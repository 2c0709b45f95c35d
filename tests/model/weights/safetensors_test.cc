// SPDX-License-Identifier: Apache-2.0

#include "model/weights/safetensors.h"

#include <cstdint>
#include <random>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using cascade::testing::IsInvalid;
using cascade::testing::IsOk;
using cascade::testing::RawSafetensors;
using cascade::testing::Safetensors;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The tensors borrow `file`.
absl::StatusOr<StoredTensors> Parse(const std::string& file) {
  return ParseSafetensors(std::as_bytes(std::span(file)), "m.safetensors");
}

// What becomes of a file with one tensor "x" whose header entry is `entry`, and `data_bytes` of
// data.
absl::Status ParseEntry(absl::string_view entry, std::size_t data_bytes) {
  return Parse(RawSafetensors(absl::StrCat(R"({"x":)", entry, "}"), std::string(data_bytes, 'd')))
      .status();
}

std::string TextOf(const StoredTensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()};
}

TEST(SafetensorsTest, FindsEveryTensor) {
  const std::string file = Safetensors({{"a", "F16", {2, 2}, "abcdefgh"}, {"b", "U8", {3}, "xyz"}});
  const auto tensors = Parse(file);
  ASSERT_THAT(tensors, IsOk());
  ASSERT_EQ(tensors->size(), 2U);
  EXPECT_EQ(tensors->at("a").dtype, "F16");
  EXPECT_THAT(tensors->at("a").shape, ElementsAre(2, 2));
  EXPECT_EQ(TextOf(tensors->at("a")), "abcdefgh");
  EXPECT_EQ(TextOf(tensors->at("b")), "xyz");
}

TEST(SafetensorsTest, TakesAnyOrderOfEntries) {
  const std::string file =
      RawSafetensors(R"({"late":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},
                         "early":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}  )",
                     "EL");
  const auto tensors = Parse(file);
  ASSERT_THAT(tensors, IsOk());
  EXPECT_EQ(TextOf(tensors->at("early")), "E");
  EXPECT_EQ(TextOf(tensors->at("late")), "L");
}

TEST(SafetensorsTest, TakesScalarsAndEmptyTensors) {
  const std::string file =
      Safetensors({{"scalar", "F32", {}, "1234"}, {"none", "F32", {0, 5}, ""}});
  const auto tensors = Parse(file);
  ASSERT_THAT(tensors, IsOk());
  EXPECT_THAT(tensors->at("scalar").shape, IsEmpty());
  EXPECT_EQ(tensors->at("scalar").bytes.size(), 4U);
  EXPECT_EQ(tensors->at("none").bytes.size(), 0U);
}

TEST(SafetensorsTest, TakesAFileWithoutTensors) {
  const auto tensors = Parse(RawSafetensors("{}", ""));
  ASSERT_THAT(tensors, IsOk());
  EXPECT_TRUE(tensors->empty());
}

TEST(SafetensorsTest, KnowsMetadataFromTensors) {
  const auto tensors = Parse(RawSafetensors(R"({"__metadata__":{"format":"pt"}})", ""));
  ASSERT_THAT(tensors, IsOk());
  EXPECT_TRUE(tensors->empty());
  EXPECT_THAT(Parse(RawSafetensors(R"({"__metadata__":{"format":1}})", "")),
              IsInvalid({"m.safetensors: __metadata__", "object of strings"}));
  EXPECT_THAT(Parse(RawSafetensors(R"({"__metadata__":["pt"]})", "")),
              IsInvalid({"m.safetensors: __metadata__", "object of strings"}));
}

TEST(SafetensorsTest, RefusesAFileTooShortForItsLength) {
  EXPECT_THAT(Parse(""), IsInvalid({"m.safetensors: expected", "at least 8 bytes, found 0"}));
  EXPECT_THAT(Parse("1234567"), IsInvalid({"m.safetensors: expected", "found 7"}));
}

TEST(SafetensorsTest, RefusesAHeaderLengthPastTheEnd) {
  EXPECT_THAT(Parse(RawSafetensors(3, "{}", "")),
              IsInvalid({"m.safetensors: expected a header of at most 2 bytes", "length of 3"}));
  EXPECT_THAT(Parse(RawSafetensors(UINT64_MAX, "{}", "")),
              IsInvalid({"m.safetensors", "at most 2 bytes", "18446744073709551615"}));
}

TEST(SafetensorsTest, RefusesAHeaderBeyondTheFormatsLimit) {
  const std::string header =
      absl::StrCat("{}", std::string(100'000'000, ' '));  // NOLINT(bugprone-string-constructor)
  EXPECT_THAT(Parse(RawSafetensors(header, "")),
              IsInvalid({"m.safetensors", "at most 100000000 bytes", "100000002"}));
}

TEST(SafetensorsTest, RefusesAHeaderThatIsNotTheExpectedJson) {
  EXPECT_THAT(Parse(RawSafetensors("", "")), IsInvalid({"m.safetensors: header: not valid JSON"}));
  EXPECT_THAT(Parse(RawSafetensors("{\"x\":", "")),
              IsInvalid({"m.safetensors: header: not valid JSON at byte"}));
  EXPECT_THAT(Parse(RawSafetensors("[]", "")),
              IsInvalid({"m.safetensors: header: expected a JSON object"}));
  EXPECT_THAT(Parse(RawSafetensors(absl::StrCat(R"({"x":)", std::string(100'000, '[')), "")),
              IsInvalid({"m.safetensors: header: JSON nested deeper"}));
}

TEST(SafetensorsTest, RefusesANameTwice) {
  EXPECT_THAT(Parse(RawSafetensors(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},
                                       "x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                   "d")),
              IsInvalid({R"(m.safetensors: header: key "x" stands twice)"}));
}

TEST(SafetensorsTest, RefusesEntriesThatAreNone) {
  const auto refuses = [](absl::string_view entry, const char* expected) {
    EXPECT_THAT(ParseEntry(entry, 4),
                IsInvalid({R"(m.safetensors: tensor "x": expected )", expected}))
        << entry;
  };
  refuses("3", "an object, found 3");
  refuses(R"({"shape":[1],"data_offsets":[0,4]})", "a string as dtype, found none");
  refuses(R"({"dtype":7,"shape":[1],"data_offsets":[0,4]})", "a string as dtype, found 7");
  refuses(R"({"dtype":"Q4","shape":[1],"data_offsets":[0,4]})", "a known dtype, found \"Q4\"");
  refuses(R"({"dtype":"F32","data_offsets":[0,4]})", "sizes as shape");
  refuses(R"({"dtype":"F32","shape":1,"data_offsets":[0,4]})", "sizes as shape");
  refuses(R"({"dtype":"F32","shape":[-1],"data_offsets":[0,4]})", "sizes as shape");
  refuses(R"({"dtype":"F32","shape":[1.0],"data_offsets":[0,4]})", "sizes as shape");
  refuses(R"({"dtype":"F32","shape":[1]})", "[begin, end] as data_offsets");
  refuses(R"({"dtype":"F32","shape":[1],"data_offsets":[0]})", "[begin, end] as data_offsets");
  refuses(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4,8]})", "[begin, end] as data_offsets");
  refuses(R"({"dtype":"F32","shape":[1],"data_offsets":[0,"4"]})", "[begin, end] as data_offsets");
}

TEST(SafetensorsTest, RefusesOffsetsOutsideTheData) {
  EXPECT_THAT(ParseEntry(R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", 3),
              IsInvalid({R"(m.safetensors: tensor "x")", "within 3 bytes", "[0, 4]"}));
  EXPECT_THAT(ParseEntry(R"({"dtype":"F32","shape":[1],"data_offsets":[8,4]})", 8),
              IsInvalid({R"(m.safetensors: tensor "x")", "within 8 bytes", "[8, 4]"}));
  EXPECT_THAT(
      ParseEntry(R"({"dtype":"F32","shape":[1],"data_offsets":[18446744073709551612,0]})", 8),
      IsInvalid({R"(m.safetensors: tensor "x")", "within 8 bytes", "[18446744073709551612, 0]"}));
}

TEST(SafetensorsTest, RefusesAShapeThatDoesNotMatchItsOffsets) {
  EXPECT_THAT(ParseEntry(R"({"dtype":"F32","shape":[2,3],"data_offsets":[0,20]})", 20),
              IsInvalid({R"(tensor "x": expected 24 bytes for shape [2, 3] of F32, found 20)"}));
}

TEST(SafetensorsTest, RefusesAShapeWhoseProductOverflows) {
  for (const char* shape :
       {"4294967296,4294967296", "18446744073709551615,2", "4611686018427387904"}) {
    EXPECT_THAT(
        ParseEntry(absl::StrCat(R"({"dtype":"F32","shape":[)", shape, R"(],"data_offsets":[0,0]})"),
                   0),
        IsInvalid({R"(m.safetensors: tensor "x": expected fewer than 2^64 bytes for shape)"}));
  }
}

TEST(SafetensorsTest, RefusesOffsetsThatOverlap) {
  EXPECT_THAT(
      Parse(Safetensors({{.name = "a", .dtype = "U8", .shape = {4}, .bytes = "abcd"},
                         {.name = "b",
                          .dtype = "U8",
                          .shape = {4},
                          .bytes = "efgh",
                          .claimed_offsets = {{3, 7}}}})),
      IsInvalid({R"(m.safetensors: tensor "b": expected data from byte 4 on)", "overlaps"}));
}

TEST(SafetensorsTest, RefusesHoles) {
  EXPECT_THAT(ParseEntry(R"({"dtype":"U8","shape":[2],"data_offsets":[1,3]})", 3),
              IsInvalid({R"(m.safetensors: tensor "x": expected data from byte 0 on)", "a hole"}));
}

TEST(SafetensorsTest, RefusesDataThatNoTensorHas) {
  EXPECT_THAT(ParseEntry(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})", 3),
              IsInvalid({"m.safetensors: expected 2 bytes of data", "found 3"}));
}

TEST(SafetensorsTest, RefusesATruncatedFileAtEveryLength) {
  const std::string whole = Safetensors({{"a", "F16", {2}, "abcd"}, {"b", "U8", {2}, "xy"}});
  ASSERT_THAT(Parse(whole), IsOk());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_THAT(Parse(whole.substr(0, length)), IsInvalid({"m.safetensors"})) << length;
  }
}

TEST(SafetensorsTest, EscapesNamesInMessages) {
  EXPECT_THAT(Parse(RawSafetensors(R"({"a\nb":1})", "")), IsInvalid({R"(tensor "a\nb")"}));
}

// Whatever a file says, what is found lies within its bytes.
TEST(SafetensorsTest, MutatedFilesNeverLeadOutside) {
  const std::string valid =
      Safetensors({{"a", "F16", {2, 2}, "abcdefgh"}, {"b", "U8", {3}, "xyz"}});
  std::mt19937_64 random(7);
  std::size_t accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string file = valid;
    for (std::uint64_t edits = 1 + random() % 3; edits > 0; --edits) {
      file[random() % file.size()] =
          static_cast<char>(random() % 2 == 0 ? random() : '0' + random() % 10);
    }
    const auto tensors = Parse(file);
    if (!tensors.ok()) continue;
    ++accepted;
    for (const auto& [name, tensor] : *tensors) {
      if (tensor.bytes.empty()) continue;
      EXPECT_GE(reinterpret_cast<const char*>(tensor.bytes.data()), file.data()) << name;
      EXPECT_LE(reinterpret_cast<const char*>(tensor.bytes.data()) + tensor.bytes.size(),
                file.data() + file.size())
          << name;
    }
  }
  EXPECT_GT(accepted, 0U) << "the mutations were too wild to test anything";
}

}  // namespace
}  // namespace cascade::model
