// SPDX-License-Identifier: Apache-2.0
// Bytes per second of processor time that the tokenizer encodes, on one thread, of one text file.
//
//   tokenizer_bench --tokenizer=FOLDER --text=FILE [--repetitions=R] [--tokens=FILE]
//
// Prints one JSON object: {"bytes", "tokens", "unit": "bytes/s", "median", "samples": [...]}. The
// first pass does not count. --tokens gets the ids, one a line, for whoever compares them.
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "model/tokenizer/tokenizer.h"
#include "nlohmann/json.hpp"
#include "tests/bench/median.h"

ABSL_FLAG(std::string, tokenizer, "", "A Hugging Face folder with a tokenizer.");
ABSL_FLAG(std::string, text, "", "The file to encode.");
ABSL_FLAG(std::uint32_t, repetitions, 5, "Passes that count.");
ABSL_FLAG(std::string, tokens, "", "A file to write the ids to.");

namespace cascade::bench {
namespace {

using Ids = std::vector<model::TokenId>;

// This thread's own: what others take from it does not count.
double ProcessorSeconds() {
  timespec time = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

absl::StatusOr<std::string> ReadFile(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in.is_open() || in.bad()) {
    return absl::NotFoundError(absl::StrCat("--text=", file, ": cannot be read"));
  }
  return text;
}

absl::Status WriteIds(const Ids& ids, const std::string& file) {
  std::ofstream out(file);
  for (const model::TokenId id : ids) out << id << '\n';
  out.close();
  if (out) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat("--tokens=", file, ": cannot be written"));
}

absl::Status Run() {
  const absl::StatusOr<model::Tokenizer> tokenizer =
      model::Tokenizer::Load(absl::GetFlag(FLAGS_tokenizer));
  if (!tokenizer.ok()) return tokenizer.status();
  const absl::StatusOr<std::string> text = ReadFile(absl::GetFlag(FLAGS_text));
  if (!text.ok()) return text.status();

  std::vector<double> samples;
  absl::StatusOr<Ids> ids = tokenizer->Encode(*text, model::SpecialTokens::kAsText);
  for (std::uint32_t i = 0; ids.ok() && i < absl::GetFlag(FLAGS_repetitions); ++i) {
    const double begin = ProcessorSeconds();
    ids = tokenizer->Encode(*text, model::SpecialTokens::kAsText);
    samples.push_back(static_cast<double>(text->size()) / (ProcessorSeconds() - begin));
  }
  if (!ids.ok()) return ids.status();

  nlohmann::ordered_json json;
  json["bytes"] = text->size();
  json["tokens"] = ids->size();
  json["unit"] = "bytes/s";
  json["median"] = Median(samples);
  json["samples"] = samples;
  std::puts(json.dump().c_str());
  const std::string tokens = absl::GetFlag(FLAGS_tokens);
  return tokens.empty() ? absl::OkStatus() : WriteIds(*ids, tokens);
}

}  // namespace
}  // namespace cascade::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("bytes per second that the tokenizer encodes, on one thread");
  absl::ParseCommandLine(argc, argv);
  const absl::Status status = cascade::bench::Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "tokenizer_bench: %s\n", std::string(status.message()).c_str());
  return 1;
}
