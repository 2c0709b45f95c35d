// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/stopping_flags.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tools/cascade/text.h"

namespace cascade::cli {

void StoppingFlags::AddTo(Flags& flags) {
  flags.BeginGroup("When it ends");
  flags.Add("max_new_tokens", "N", "generate no more than this", &max_new_tokens_);
  flags.Add("min_new_tokens", "N", "nothing but the limits ends it before this many",
            &min_new_tokens_);
  flags.Add("stop", "TEXT",
            "end at this text (\\n, \\t, \\\\, \\xNN and \\uNNNN are escapes); may be given "
            "several times",
            &stop_);
  flags.Add("stop_token_ids", "ID,...", "end at these tokens", &stop_token_ids_);
  flags.Add("include_stop", "", "keep the stop text in the answer", &include_stop_);
  flags.Add("ignore_eos", "", "go on after the model's end-of-text token", &ignore_eos_);
  flags.Add("time_limit", "TIME", "finish after this long, such as 2s, with what there is",
            &time_limit_);
}

absl::Status StoppingFlags::Fill(v1::StoppingParams& stopping) const {
  for (const std::string& stop : stop_) {
    const absl::StatusOr<std::string> plain = Unescape(stop);
    if (!plain.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--stop: ", plain.status().message()));
    }
    if (!IsUtf8(*plain)) return absl::InvalidArgumentError("--stop: it is not UTF-8");
    stopping.add_stop(*plain);
  }
  if (max_new_tokens_) stopping.set_max_new_tokens(*max_new_tokens_);
  stopping.set_min_new_tokens(min_new_tokens_);
  stopping.mutable_stop_token_ids()->Add(stop_token_ids_.begin(), stop_token_ids_.end());
  stopping.set_include_stop(include_stop_);
  stopping.set_ignore_eos(ignore_eos_);
  if (!time_limit_) return absl::OkStatus();
  absl::Duration rest;
  stopping.mutable_time_limit()->set_seconds(
      absl::IDivDuration(*time_limit_, absl::Seconds(1), &rest));
  stopping.mutable_time_limit()->set_nanos(
      static_cast<std::int32_t>(absl::ToInt64Nanoseconds(rest)));
  return absl::OkStatus();
}

}  // namespace cascade::cli
