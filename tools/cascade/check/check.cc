// SPDX-License-Identifier: Apache-2.0
// cascade check: the ladder of checkpoints on a model folder, without a server.
#include <filesystem>
#include <fstream>
#include <memory>
#include <new>
#include <string>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/checkpoints/checked_model.h"
#include "model/checkpoints/ladder.h"
#include "model/checkpoints/published.h"
#include "tools/cascade/check/report.h"
#include "tools/cascade/check/subject.h"
#include "tools/cascade/commands.h"

namespace cascade::cli {
namespace {

using model::CheckpointResult;
using Results = std::vector<CheckpointResult>;

constexpr absl::string_view kDetails = R"(
MODEL is a folder as Hugging Face writes it. Its components are compared one by one with what
Hugging Face computes for the same weights, from layer normalization to generated text. At the first
checkpoint that fails the command stops and names the element, because everything above would be wrong
too. No server is needed.

What Hugging Face computed, the golden data, is read from MODEL/golden. To make it (in a clone of the
repository, with Python; five minutes for 124M parameters):

  pip install -r tests/golden/requirements.txt
  python tests/golden/generate.py --model MODEL

The bundled model has golden data. Without any, gpt2 and gpt2-medium are compared with continuations
that others have published; those say that all is well, or that something is wrong, but not what.

Exit status: 0 all passed; 1 a checkpoint failed, or a file cannot be read; 2 the command line is wrong.

  cascade check deploy/models/tales-7m
  cascade check --html=ladder.html /path/to/gpt2
)";

absl::Status NoGoldenData(const std::string& folder) {
  return absl::NotFoundError(
      absl::StrCat("there is no golden data for ", folder,
                   "\n  Make it with `python tests/golden/generate.py --model ", folder,
                   "`, or name its folder with --golden=FOLDER."));
}

absl::Status WriteFile(const std::string& path, const std::string& contents) {
  std::ofstream file(path, std::ios::binary);
  file << contents << std::flush;
  if (file) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(path, ": cannot be written"));
}

class CheckCommand : public Command {
 public:
  Description description() const override {
    return {.name = "check",
            .arguments = "MODEL",
            .summary = "Compares a model folder with what Hugging Face computes.",
            .details = kDetails,
            .calls_server = false};
  }

  void AddFlags(Flags& flags) override {
    flags.Add("golden", "FOLDER", "what Hugging Face computed for MODEL (MODEL/golden)", &golden_);
    flags.Add("tokenizer", "FOLDER", "whose tokenizer to borrow where MODEL has none", &tokenizer_);
    flags.Add("html", "FILE", "draw the ladder as a page, too", &html_);
  }

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (arguments.size() != 1) return UsageError("needs one MODEL folder", console);
    CheckSubject subject{arguments.front(), golden_};
    if (subject.golden.empty()) subject.golden = FindGolden(subject.model);
    const absl::StatusOr<Results> results = Check(subject, options.json, console);
    absl::Status status = results.status();
    if (status.ok() && !html_.empty()) status = WriteFile(html_, LadderPage(subject, *results));
    if (!status.ok()) {
      console.Complain(status.message());
      return ExitCode::kFailed;
    }
    for (const CheckpointResult& result : *results) {
      if (result.verdict == model::Verdict::kFail) return ExitCode::kFailed;
    }
    return ExitCode::kOk;
  }

 private:
  // Climbs, and shows each rung as soon as its verdict is known.
  absl::StatusOr<Results> Check(const CheckSubject& subject, bool json, Console& console) const {
    try {
      return CheckOrThrow(subject, json, console);
    } catch (const std::bad_alloc&) {
      return absl::ResourceExhaustedError(
          absl::StrCat(subject.model, ": memory ran out while the model was checked"));
    }
  }

  absl::StatusOr<Results> CheckOrThrow(const CheckSubject& subject, bool json,
                                       Console& console) const {
    const auto checked = model::CheckedModel::Open({subject.model, subject.golden, tokenizer_});
    if (!checked.ok()) return checked.status();
    model::CheckedModel& model = **checked;
    if (model.has_golden()) {
      const absl::Status made_for = model.golden().CheckMadeFor(subject.model);
      if (!made_for.ok()) return made_for;
    } else if (model::PublishedName(model.config()).empty()) {
      return NoGoldenData(subject.model);
    }
    if (!json) console.Write(TextHead(subject));
    absl::StatusOr<Results> results = model::Climb(model, [&](const CheckpointResult& result) {
      console.Write(json ? JsonLineOf(result) : TextLine(result));
    });
    if (results.ok() && !json) console.Write(TextEnd(*results));
    return results;
  }

  std::string golden_;
  std::string tokenizer_;
  std::string html_;
};

}  // namespace

std::unique_ptr<Command> MakeCheckCommand() { return std::make_unique<CheckCommand>(); }

}  // namespace cascade::cli
