// SPDX-License-Identifier: Apache-2.0

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/cascade/ask.h"
#include "tools/cascade/commands.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

constexpr absl::string_view kDetails = R"(
The model's shape, how it is loaded, what a request gets that leaves a field out, and the limits.

  cascade model
  cascade model --json
)";

std::string ArchitectureText(const v1::GetModelResponse::Architecture& shape) {
  return absl::StrFormat(
      "%d layers of %d heads, %d wide, %s; %.1f million parameters\n%-13s context of %d tokens, "
      "vocabulary of %d",
      shape.n_layer(), shape.n_head(), shape.n_embd(), shape.activation_function(),
      static_cast<double>(shape.parameters()) / 1e6, "", shape.n_ctx(), shape.vocab_size());
}

// Nothing of float32, which is the rule.
std::string ActivationsText(const v1::GetModelResponse::Weights& weights) {
  const std::string& type = weights.activation_type();
  return type.empty() || type == "f32" ? "" : absl::StrCat(" (activations ", type, ")");
}

std::string DefaultsText(const v1::GetModelResponse::Defaults& defaults) {
  const v1::SamplingParams& sampling = defaults.sampling();
  std::string text =
      absl::StrFormat("temperature %g, top_k %d, top_p %g, min_p %g", sampling.temperature(),
                      sampling.top_k(), sampling.top_p(), sampling.min_p());
  // What few models have.
  const float typical_p = sampling.typical_p();
  if (typical_p > 0 && typical_p < 1) absl::StrAppendFormat(&text, ", typical_p %g", typical_p);
  const float repetition = defaults.penalties().repetition();
  if (repetition > 0 && repetition != 1) {
    absl::StrAppendFormat(&text, ", repetition penalty %g", repetition);
  }
  if (defaults.penalties().no_repeat_ngram_size() > 0) {
    absl::StrAppendFormat(&text, ", no %d tokens twice",
                          defaults.penalties().no_repeat_ngram_size());
  }
  absl::StrAppendFormat(&text, "\n%-13s max_new_tokens %d, end-of-text %s", "",
                        defaults.max_new_tokens(), absl::StrJoin(defaults.eos_token_ids(), ", "));
  return text;
}

std::string LimitsText(const v1::GetModelResponse::Limits& limits) {
  return absl::StrFormat(
      "%d tokens of prompt, %d with the answer, %d bytes of text\n%-13s %d "
      "requests running, %d waiting\n%-13s %d stop strings of %d bytes, %d stop "
      "tokens, %d candidates",
      limits.max_prompt_tokens(), limits.max_total_tokens(), limits.max_text_bytes(), "",
      limits.max_running_requests(), limits.max_queued_requests(), "", limits.max_stop_strings(),
      limits.max_stop_string_bytes(), limits.max_stop_token_ids(), limits.max_candidates());
}

std::string Table(const v1::GetModelResponse& model) {
  std::string table;
  AppendRow("name", model.name(), table);
  AppendRow("fingerprint", model.fingerprint(), table);
  AppendRow("server", absl::StrCat("cascade ", model.version()), table);
  AppendRow("architecture", ArchitectureText(model.architecture()), table);
  AppendRow("weights",
            absl::StrFormat("%s on disk, %s in memory%s, %.1f MB", model.weights().stored_type(),
                            model.weights().memory_type(), ActivationsText(model.weights()),
                            static_cast<double>(model.weights().memory_bytes()) / 1e6),
            table);
  if (model.token_ids_only()) AppendRow("tokenizer", "none: token ids only", table);
  AppendRow("KV cache",
            absl::StrFormat("%s, %d tokens", model.kv_cache().type(), model.kv_cache().tokens()),
            table);
  AppendRow("defaults", DefaultsText(model.defaults()), table);
  AppendRow("limits", LimitsText(model.limits()), table);
  return table;
}

class ModelCommand : public Command {
 public:
  Description description() const override {
    return {"model", "", "Shows what model the server has.", kDetails};
  }

  void AddFlags(Flags& /*flags*/) override {}

  ExitCode Run(const std::vector<std::string>& arguments, const CallOptions& options,
               Console& console) override {
    if (!arguments.empty()) return UsageError("takes no arguments", console);
    return AskAndShow(&v1::TextGeneration::Stub::GetModel, Table, options, console);
  }
};

}  // namespace

std::unique_ptr<Command> MakeModelCommand() { return std::make_unique<ModelCommand>(); }

}  // namespace cascade::cli
