// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/constraint_flags.h"

#include <cstddef>
#include <fstream>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tools/cascade/text.h"

namespace cascade::cli {
namespace {

// What a flag's value stands for: itself, or after an @ the file of that name.
absl::StatusOr<std::string> TextOrFile(const std::string& value, absl::string_view flag) {
  const auto error = [flag](absl::string_view problem) {
    return absl::InvalidArgumentError(absl::StrCat("--", flag, ": ", problem));
  };
  std::string text = value;
  if (!value.empty() && value.front() == '@') {
    std::ifstream file(value.substr(1));
    std::optional<std::string> read = ReadAtMost(file, kMaxTextBytes);
    if (!file.is_open() || file.bad()) {
      return error(absl::StrCat("the file ", Quoted(value.substr(1)), " cannot be read"));
    }
    if (!read) {
      return error(absl::StrCat("the file ", Quoted(value.substr(1)), " has more than ",
                                kMaxTextBytes, " bytes"));
    }
    text = *std::move(read);
  }
  if (!IsUtf8(text)) return error("it is not UTF-8");
  return text;
}

}  // namespace

void ConstraintFlags::AddTo(Flags& flags) {
  flags.BeginGroup("What the answer must be: one of these");
  flags.Add("regex", "PATTERN", "a text that this regular expression matches", &regex_);
  flags.Add("json_schema", "SCHEMA", "JSON that this JSON Schema describes; @FILE reads it",
            &json_schema_);
  flags.Add("json_object", "", "a JSON object", &json_object_);
  flags.Add("choice", "TEXT", "this text, or another --choice", &choices_);
  flags.Add("grammar", "GRAMMAR", "a text of this grammar, in GBNF or Lark's; @FILE reads it",
            &grammar_);
}

absl::Status ConstraintFlags::Fill(v1::GenerateRequest& request) const {
  const int given = (regex_ ? 1 : 0) + (json_schema_ ? 1 : 0) + (json_object_ ? 1 : 0) +
                    (choices_.empty() ? 0 : 1) + (grammar_ ? 1 : 0);
  if (given == 0) return absl::OkStatus();
  if (given > 1) {
    return absl::InvalidArgumentError(
        "--regex, --json_schema, --json_object, --choice and --grammar exclude each other");
  }
  v1::Constraint& constraint = *request.mutable_constraint();
  const auto set = [](const std::string& value, absl::string_view flag, std::string& field) {
    absl::StatusOr<std::string> text = TextOrFile(value, flag);
    if (text.ok()) field = *std::move(text);
    return text.status();
  };
  if (json_object_) constraint.set_json_object(true);
  if (json_schema_) return set(*json_schema_, "json_schema", *constraint.mutable_json_schema());
  if (grammar_) return set(*grammar_, "grammar", *constraint.mutable_grammar());
  // A pattern may begin with an @, and a choice too: these are never files.
  if (regex_) {
    if (!IsUtf8(*regex_)) return absl::InvalidArgumentError("--regex: it is not UTF-8");
    constraint.set_regex(*regex_);
  }
  for (const std::string& choice : choices_) {
    if (!IsUtf8(choice)) return absl::InvalidArgumentError("--choice: it is not UTF-8");
    constraint.mutable_choice()->add_values(choice);
  }
  return absl::OkStatus();
}

}  // namespace cascade::cli
