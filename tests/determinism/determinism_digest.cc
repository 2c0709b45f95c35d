// SPDX-License-Identifier: Apache-2.0
// Runs fixed requests through the engine on every SIMD target of this machine, with several numbers
// of threads and rows a step, and prints one digest for each model and way of storing its numbers.
// The digests are the same on every machine: --expected compares with those of a file.
//
//   determinism_digest [--set=short|long|all] [--expected=FILE] [--verbose]
//
// Standard output is such a file. --verbose adds each request's own digest and tokens, as comments:
// the first line that differs from another machine's tells where to look. Exits with 1 if anything
// differs, with 2 if it could not run.
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/constraints/token_trie.h"
#include "model/generation/vocabulary_trie.h"
#include "model/kernels/simd_target.h"
#include "tests/determinism/digest.h"
#include "tests/determinism/digest_set.h"
#include "tests/determinism/engine_run.h"
#include "tests/determinism/expected_digests.h"
#include "tests/determinism/requests.h"
#include "tests/determinism/test_model.h"
#include "tests/support/source_path.h"

ABSL_FLAG(std::string, set, "all", "What to run: short, long or all.");
ABSL_FLAG(std::string, expected, "", "A file of digests to compare with.");
ABSL_FLAG(bool, verbose, false, "Print each request's digest and tokens, too.");

namespace cascade::testing {
namespace {

const std::string kRoot = testing::SourcePath("");

// Where answers came from, to say so when they differ.
struct Source {
  std::string target;
  std::string schedule;
};

absl::Status CheckSame(const std::string& name, const std::vector<Answer>& answers,
                       const Source& source, const std::vector<Answer>& first,
                       const Source& first_source) {
  const auto [a, b] = std::mismatch(answers.begin(), answers.end(), first.begin());
  if (a == answers.end()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      name, ": request ", a - answers.begin(), " differs between ", first_source.target, ", ",
      first_source.schedule, " and ", source.target, ", ", source.schedule));
}

std::vector<std::string> TargetsOf(const DigestSet& set) {
  std::vector<std::string> targets = model::kernels::SupportedSimdTargets();
  if (!set.runs_on_scalar && targets.size() > 1) targets.pop_back();
  return targets;
}

// The answers of one model, the same on every target and in every schedule; or DATA_LOSS.
absl::StatusOr<std::vector<Answer>> AnswersOf(const std::string& name, const Subject& subject,
                                              const DigestRun& run,
                                              const std::vector<std::string>& targets) {
  RequestMix mix = run.work.mix;
  std::optional<model::TokenTrie> trie;
  if (mix.processors) {
    mix.trie = &trie.emplace(model::MakeTokenTrie(subject.tokenizer, run.model.config.vocab_size));
  }
  const std::vector<TestRequest> requests = MixedRequests(mix, run.model.config);
  std::vector<Answer> first;
  std::optional<Source> first_source;
  for (const std::string& target : targets) {
    if (absl::Status chosen = model::kernels::SetSimdTarget(target); !chosen.ok()) return chosen;
    for (const Schedule& schedule : run.work.schedules) {
      const Source source{target, Name(schedule)};
      absl::StatusOr<std::vector<Answer>> answers = Together(subject, requests, schedule);
      if (!answers.ok()) return answers.status();
      if (!first_source) {
        first = *std::move(answers);
        first_source = source;
        continue;
      }
      const absl::Status same = CheckSame(name, *answers, source, first, *first_source);
      if (!same.ok()) return same;
    }
  }
  return first;
}

void PrintProvenance() {
  std::cout << "# determinism_digest --set=" << absl::GetFlag(FLAGS_set) << "\n# made by "
#ifdef __clang__
            << "Clang " << __clang_version__
#else
            << "GCC " << __VERSION__
#endif
            << ", on " << absl::StrJoin(model::kernels::SupportedSimdTargets(), ", ") << "\n";
}

void PrintRequests(const std::vector<Answer>& answers) {
  for (std::size_t i = 0; i < answers.size(); ++i) {
    std::cout << "#   request " << i << " " << DigestOf({&answers[i], 1}) << ": " << answers[i]
              << "\n";
  }
}

// Runs one set, prints it and adds its digests to `digests`.
absl::Status RunSet(const DigestSet& set, const model::Tokenizer& tokenizer, Digests& digests) {
  for (const DigestRun& run : set.runs) {
    for (const StorageTypes& types : run.types) {
      const std::string name = absl::StrCat(set.name, " ", run.name, " ", Name(types));
      const Subject subject{.model = run.model, .types = types, .tokenizer = tokenizer};
      const absl::StatusOr<std::vector<Answer>> answers =
          AnswersOf(name, subject, run, TargetsOf(set));
      if (!answers.ok()) return answers.status();
      digests[name] = DigestOf(*answers);
      std::cout << name << " " << digests[name] << std::endl;  // flushed: the next takes a while
      if (absl::GetFlag(FLAGS_verbose)) PrintRequests(*answers);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DigestSet>> ChosenSets() {
  absl::StatusOr<std::vector<DigestSet>> sets = DigestSets(kRoot);
  if (!sets.ok()) return sets;
  const std::string chosen = absl::GetFlag(FLAGS_set);
  if (chosen == "all") return sets;
  sets->erase(std::remove_if(sets->begin(), sets->end(),
                             [&](const DigestSet& set) { return set.name != chosen; }),
              sets->end());
  if (sets->empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--set is \"", chosen, "\"; it may be short, long or all"));
  }
  return sets;
}

// True if all is as expected; says what is not.
absl::StatusOr<bool> Run() {
  const absl::StatusOr<std::vector<DigestSet>> sets = ChosenSets();
  if (!sets.ok()) return sets.status();
  const absl::StatusOr<model::Tokenizer> tokenizer = LoadBundledTokenizer(kRoot);
  if (!tokenizer.ok()) return tokenizer.status();
  std::vector<std::string> names;
  for (const DigestSet& set : *sets) names.push_back(set.name);

  PrintProvenance();
  Digests digests;
  for (const DigestSet& set : *sets) {
    const absl::Status status = RunSet(set, *tokenizer, digests);
    if (absl::IsDataLoss(status)) {
      std::cerr << status.message() << "\n";
      return false;
    }
    if (!status.ok()) return status;
  }
  if (absl::GetFlag(FLAGS_expected).empty()) return true;
  const absl::StatusOr<Digests> expected = ReadDigests(absl::GetFlag(FLAGS_expected));
  if (!expected.ok()) return expected.status();
  const std::vector<std::string> differences = DifferencesOf(digests, *expected, names);
  for (const std::string& difference : differences) std::cerr << difference << "\n";
  if (differences.empty()) {
    std::cerr << digests.size() << " digests are those of " << absl::GetFlag(FLAGS_expected)
              << "\n";
  }
  return differences.empty();
}

}  // namespace
}  // namespace cascade::testing

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("prints digests of what the engine answers, the same everywhere");
  absl::ParseCommandLine(argc, argv);
  const absl::StatusOr<bool> same = cascade::testing::Run();
  if (!same.ok()) {
    std::cerr << "determinism_digest: " << same.status().message() << "\n";
    return 2;
  }
  return *same ? 0 : 1;
}
