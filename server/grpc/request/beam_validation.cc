// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/request/beam_validation.h"

#include "absl/strings/str_cat.h"
#include "server/grpc/model_info.h"
#include "server/grpc/request/limits.h"

namespace cascade::server {
namespace {

// What has no meaning where nothing is drawn.
void CheckNothingIsDrawn(const TextRequest::Sampling& sampling, Violations& violations) {
  const auto check = [&violations](absl::string_view path, bool is_there) {
    if (is_there) violations.Add(path, "must be left out: beam_search draws nothing");
  };
  check("sampling.temperature", sampling.temperature.value_or(0.0F) != 0.0F);
  check("sampling.top_k", sampling.top_k.has_value());
  check("sampling.top_p", sampling.top_p.has_value());
  check("sampling.min_p", sampling.min_p.has_value());
  check("sampling.typical_p", sampling.typical_p.has_value());
  check("sampling.top_n_sigma", sampling.top_n_sigma.value_or(0.0F) != 0.0F);
  check("sampling.best_of.choices", sampling.best_of > 0);
  check("sampling.per_choice", !sampling.per_choice.empty());
}

}  // namespace

void CheckBeams(const TextRequest& request, const ModelInfo& info, Violations& violations) {
  const TextRequest::Beams& beams = *request.beams;
  if (beams.width < request.sampling.n || beams.width > info.max_running) {
    violations.Add(
        "beam_search.width",
        absl::StrCat("is ", beams.width, "; must be from sampling.n, ", request.sampling.n, ", to ",
                     info.max_running, ", this server's --max_running"));
  }
  const float length_penalty = beams.length_penalty.value_or(1.0F);
  CheckRange("beam_search.length_penalty", length_penalty,
             length_penalty >= -kMaxLengthPenalty && length_penalty <= kMaxLengthPenalty,
             absl::StrCat("[-", kMaxLengthPenalty, ", ", kMaxLengthPenalty, "]"), violations);
  if (beams.groups == 0 || beams.width % beams.groups != 0) {
    violations.Add("beam_search.groups",
                   absl::StrCat("is ", beams.groups, "; must divide the width, ", beams.width));
  }
  const float diversity = beams.diversity_penalty;
  CheckRange("beam_search.diversity_penalty", diversity,
             diversity >= 0.0F && diversity <= kMaxDiversityPenalty,
             absl::StrCat("[0, ", kMaxDiversityPenalty, "]"), violations);
  if (diversity > 0.0F && beams.groups == 1) {
    violations.Add("beam_search.diversity_penalty", "needs groups, at least 2");
  }
  CheckNothingIsDrawn(request.sampling, violations);
  if (request.response.processed) {
    violations.Add(
        "response.distribution",
        "is DISTRIBUTION_PROCESSED; must be DISTRIBUTION_RAW with beam_search, which draws "
        "from no distribution");
  }
}

}  // namespace cascade::server
