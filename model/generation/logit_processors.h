// SPDX-License-Identifier: Apache-2.0
// Which logit processors a request has, and in which order.
#pragma once

#include "model/generation/generation_params.h"
#include "model/sampling/logit_processor.h"

namespace cascade::model {

// The processors that `params` ask for, in Hugging Face's order (GenerationMixin's
// _get_logits_processor), to which every new one keeps:
//
//   1. logit bias                                  sequence_bias
//   2. repetition, presence, frequency penalties   repetition_penalty; the others, which Hugging
//                                                  Face lacks, directly after it, as in vLLM
//   3. no repeated n-grams                         no_repeat_ngram_size
//   4. bad words                                   bad_words_ids
//   5. min_new_tokens                              min_new_tokens
//   6. constraints                                 prefix_allowed_tokens_fn
//   7. exponential length penalty                  exponential_decay_length_penalty
//   8. banned tokens                               suppress_tokens
//
// The sampler comes last: temperature, top-k, top-p, min-p. Of the eight, 5 exists.
LogitProcessorList MakeLogitProcessors(const GenerationParams& params);

}  // namespace cascade::model
