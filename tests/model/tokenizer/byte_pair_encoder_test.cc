// SPDX-License-Identifier: Apache-2.0

#include "model/tokenizer/byte_pair_encoder.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/tokenizer/vocabulary_files.h"
#include "tests/model/tokenizer/tiny_vocabulary.h"

namespace cascade::model {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using testing::Pairs;

Vocabulary MakeVocabulary(const Pairs& merges) {
  absl::StatusOr<TokenizerParts> parts =
      ParseVocabularyFiles({"vocab.json", testing::TinyVocab(merges).dump()},
                           {"merges.txt", testing::TinyMerges(merges)});
  EXPECT_TRUE(parts.ok()) << parts.status();
  return std::move(parts->vocabulary);
}

std::vector<TokenId> Encode(const BytePairEncoder& encoder, absl::string_view word) {
  BytePairEncoder::Scratch scratch;
  std::vector<TokenId> ids;
  encoder.Encode(word, scratch, ids);
  return ids;
}

// The header's reference, word for word: the best pair, the leftmost of equals, one at a time.
std::vector<TokenId> EncodeNaively(const Vocabulary& vocabulary, absl::string_view word) {
  std::map<std::pair<TokenId, TokenId>, std::size_t> ranks;
  for (std::size_t i = 0; i < vocabulary.merges.size(); ++i) {
    ranks[{vocabulary.merges[i].left, vocabulary.merges[i].right}] = i;
  }
  std::vector<TokenId> ids;
  for (const char byte : word) {
    ids.push_back(vocabulary.byte_tokens[static_cast<unsigned char>(byte)]);
  }
  while (true) {
    std::size_t best_rank = vocabulary.merges.size();
    std::size_t best = 0;
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = ranks.find({ids[i], ids[i + 1]});
      if (found == ranks.end() || found->second >= best_rank) continue;
      best_rank = found->second;
      best = i;
    }
    if (best_rank == vocabulary.merges.size()) return ids;
    ids[best] = vocabulary.merges[best_rank].whole;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(BytePairEncoderTest, MergesTheBestRankFirst) {
  const Vocabulary vocabulary = MakeVocabulary({{"b", "c"}, {"a", "b"}, {"a", "bc"}});
  const BytePairEncoder encoder(vocabulary);
  EXPECT_THAT(Encode(encoder, "abc"), ElementsAre(258));
  EXPECT_THAT(Encode(encoder, "abab"), ElementsAre(257, 257));
  EXPECT_THAT(Encode(encoder, "aabcc"), ElementsAre('a', 258, 'c'));
}

TEST(BytePairEncoderTest, MergesTheLeftmostOfEqualRanksFirst) {
  const Vocabulary vocabulary = MakeVocabulary({{"a", "a"}});
  const BytePairEncoder encoder(vocabulary);
  EXPECT_THAT(Encode(encoder, "aaaaa"), ElementsAre(256, 256, 'a'));
}

TEST(BytePairEncoderTest, DoesNotLookUpATokenThatItsBytesDoNotMergeTo) {
  // "abc" is in the vocabulary, but b c, the better merge, leaves a bc behind.
  const Vocabulary vocabulary = MakeVocabulary({{"b", "c"}, {"a", "b"}, {"ab", "c"}});
  const BytePairEncoder encoder(vocabulary);
  EXPECT_THAT(Encode(encoder, "abc"), ElementsAre('a', 256));
}

TEST(BytePairEncoderTest, TheLastOfEqualMergesCounts) {
  Vocabulary vocabulary = MakeVocabulary({{"a", "b"}, {"b", "c"}});
  vocabulary.merges.push_back(vocabulary.merges[0]);
  EXPECT_THAT(Encode(BytePairEncoder(vocabulary), "abc"), ElementsAre('a', 257));
}

TEST(BytePairEncoderTest, AgreesWithTheNaiveLoopOnRandomVocabularies) {
  std::mt19937 generator(3);
  for (int round = 0; round < 60; ++round) {
    // Merges of three letters in no trained order, so that a later merge may have a better rank.
    Pairs merges;
    std::vector<std::string> tokens = {"a", "b", "c"};
    while (merges.size() < 24) {
      const std::string left = tokens[generator() % tokens.size()];
      const std::string right = tokens[generator() % tokens.size()];
      if (std::find(tokens.begin(), tokens.end(), left + right) != tokens.end()) continue;
      merges.emplace_back(left, right);
      tokens.push_back(left + right);
    }
    Vocabulary vocabulary = MakeVocabulary(merges);
    std::shuffle(vocabulary.merges.begin(), vocabulary.merges.end(), generator);
    const BytePairEncoder encoder(vocabulary);
    for (int i = 0; i < 50; ++i) {
      std::string word(generator() % 100, ' ');  // short words and long ones
      for (char& byte : word) byte = "abc"[generator() % 3];
      EXPECT_THAT(Encode(encoder, word), ElementsAreArray(EncodeNaively(vocabulary, word))) << word;
    }
  }
}

}  // namespace
}  // namespace cascade::model
