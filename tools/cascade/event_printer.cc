// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/event_printer.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tools/cascade/shading.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

std::string EndedBecause(const v1::Finish& finish) {
  switch (finish.reason()) {
    case v1::FINISH_REASON_EOS:
      return "end of text";
    case v1::FINISH_REASON_STOP_TOKEN:
      return absl::StrCat("stop token ", finish.matched_token_id());
    case v1::FINISH_REASON_STOP_STRING:
      return absl::StrCat("stop string ", Quoted(finish.matched_stop()));
    case v1::FINISH_REASON_CONSTRAINT_COMPLETE:
      return "the constraint is satisfied";
    case v1::FINISH_REASON_MAX_TOKENS:
      return "max_new_tokens reached";
    case v1::FINISH_REASON_CONTEXT_FULL:
      return "context full";
    case v1::FINISH_REASON_TIME_LIMIT:
      return "time limit reached";
    default:
      return absl::StrCat("reason ", static_cast<int>(finish.reason()));
  }
}

double Seconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + 1e-9 * duration.nanos();
}

// Decode speed: the first token belongs to prefill.
std::string Speed(const v1::Summary& summary) {
  const double seconds = Seconds(summary.timings().decode());
  const double tokens = summary.usage().generated_tokens() - 1.0;
  if (tokens < 1 || seconds <= 0) return "";
  return absl::StrFormat(", %.0f tokens/s", tokens / seconds);
}

// Its text; its id where the server gives none, as of a token that the tokenizer does not know.
std::string NameOf(const v1::TokenLogProbs& token) {
  return token.token().empty() ? absl::StrCat(token.token_id()) : Quoted(token.token());
}

// `text` with spaces up to the width of a table's first column. Counts characters, not bytes.
std::string Column(absl::string_view text) {
  constexpr std::size_t kWidth = 14;
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++width) {
    i += std::max<std::size_t>(1, CharacterLength(text, i));
  }
  return absl::StrCat(text, std::string(kWidth - std::min(width, kWidth), ' '));
}

// Streams the first choice as it comes, and prints the others, if there are any, after it.
class TextPrinter : public EventPrinter {
 public:
  TextPrinter(std::string prompt, std::size_t choices, Console& console, LogProbStyle style)
      : prompt_(std::move(prompt)), choices_(choices), console_(console), style_(style) {}

  void Print(const v1::GenerateEvent& event) override {
    if (event.has_prompt()) PrintPrompt(event.prompt());
    if (event.has_delta()) PrintDelta(event.delta());
    if (event.has_finish()) ChoiceOf(event.finish().index()).finish = event.finish();
    if (event.has_summary()) PrintSummary(event.summary());
  }

  void End() override {
    if (line_is_open_) console_.Write("\n");
    line_is_open_ = false;
  }

 private:
  struct Choice {
    std::string text;  // as it is written; of choices that wait for the first one's end
    v1::Finish finish;
    std::vector<v1::TokenLogProbs> logprobs;
    Shader shader;
  };

  // A server may give more choices than were asked for, or number them as it likes.
  Choice& ChoiceOf(std::uint32_t index) { return by_index_[index]; }

  void PrintPrompt(const v1::PromptInfo& info) {
    for (const v1::TokenLogProbs& token : info.logprobs()) PrintLogProbs(token);
    if (choices_ > 1) PrintNumber(0);
    line_is_open_ = true;
    if (!console_.out_is_terminal || prompt_.empty()) return;
    console_.out << Dimmed(Printable(prompt_)) << std::flush;
  }

  void PrintNumber(std::uint32_t index) {
    console_.Write(absl::StrCat("--- choice ", index, "\n"));
  }

  void PrintDelta(const v1::Delta& delta) {
    Choice& choice = ChoiceOf(delta.index());
    for (const v1::TokenLogProbs& token : delta.logprobs()) {
      if (style_.shade) choice.shader.Add(token);
      if (style_.table) choice.logprobs.push_back(token);
    }
    if (delta.index() == 0) {
      console_.out << AsWritten(delta.text(), choice) << std::flush;
    } else {
      choice.text += AsWritten(delta.text(), choice);
    }
  }

  std::string AsWritten(const std::string& text, Choice& choice) const {
    if (style_.shade) return choice.shader.Paint(text);
    return console_.out_is_terminal ? Printable(text) : text;
  }

  void PrintSummary(const v1::Summary& summary) {
    for (const auto& [index, choice] : by_index_) {
      if (index > 0) {
        PrintNumber(index);
        console_.out << choice.text << std::flush;
        line_is_open_ = true;
      }
      End();
      for (const v1::TokenLogProbs& token : choice.logprobs) PrintLogProbs(token);
      PrintEnd(choice.finish, by_index_.size() == 1 ? Speed(summary) : "");
    }
    if (style_.shade && console_.err_is_terminal) console_.err << ShadingLegend() << std::flush;
  }

  void PrintEnd(const v1::Finish& finish, const std::string& speed) {
    const std::string origin = finish.has_beam_score()
                                   ? absl::StrFormat("score %.4f", finish.beam_score())
                                   : absl::StrCat("seed ", finish.seed());
    const std::string end = Printable(absl::StrFormat("[%s: %d tokens%s, %s]", EndedBecause(finish),
                                                      finish.generated_tokens(), speed, origin));
    console_.err << (console_.err_is_terminal ? Dimmed(end) : end) << '\n' << std::flush;
  }

  void PrintLogProbs(const v1::TokenLogProbs& token) {
    std::string line = absl::StrCat(Column(NameOf(token)), "  ");
    absl::StrAppend(&line, token.has_logprob() ? absl::StrFormat("%9.4f", token.logprob())
                                               : absl::StrFormat("%9s", "-"));
    if (token.rank() > 0) absl::StrAppendFormat(&line, "  #%d", token.rank());
    for (const auto* candidates : {&token.candidates(), &token.given_candidates()}) {
      const bool is_second = candidates == &token.given_candidates();
      if (is_second && !candidates->empty() && !token.candidates().empty()) line += "  |";
      for (const auto& candidate : *candidates) {
        absl::StrAppendFormat(&line, "  %s %.4f", Quoted(candidate.token()), candidate.logprob());
      }
    }
    console_.Write(absl::StrCat(line, "\n"));
  }

  const std::string prompt_;
  const std::size_t choices_;
  Console& console_;
  const LogProbStyle style_;
  bool line_is_open_ = false;
  std::map<std::uint32_t, Choice> by_index_;
};

class JsonPrinter : public EventPrinter {
 public:
  explicit JsonPrinter(Console& console) : console_(console) {}

  void Print(const v1::GenerateEvent& event) override {
    console_.out << JsonLine(event) << std::flush;
  }

  void End() override {}

 private:
  Console& console_;
};

}  // namespace

std::unique_ptr<EventPrinter> MakeTextPrinter(std::string prompt, std::size_t choices,
                                              Console& console, LogProbStyle style) {
  return std::make_unique<TextPrinter>(std::move(prompt), choices, console, style);
}

std::unique_ptr<EventPrinter> MakeJsonPrinter(Console& console) {
  return std::make_unique<JsonPrinter>(console);
}

std::string JsonLine(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  // Fails only for an Any of unknown type, and no message of ours holds one.
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return absl::StrCat(status.ok() ? json : "{}", "\n");
}

}  // namespace cascade::cli
