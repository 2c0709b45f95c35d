// SPDX-License-Identifier: Apache-2.0
// Which logit processors a request has, and in which order.
#pragma once

#include <span>

#include "model/generation/generation_params.h"
#include "model/sampling/logit_processor.h"
#include "model/token.h"

namespace cascade::model {

class ConstraintCursor;
class Tokenizer;

// The processors that `params` ask for, in Hugging Face's order (GenerationMixin's
// _get_logits_processor), to which every new one keeps:
//
//   1. logit bias                                  sequence_bias
//   2. repetition, presence, frequency penalties   repetition_penalty; the others, which Hugging
//                                                  Face lacks, directly after it, as in vLLM
//   3. DRY                                         none; after the penalties, as in llama.cpp
//   4. no repeated n-grams                         no_repeat_ngram_size
//   5. banned words                                bad_words_ids
//   6. min_new_tokens                              min_new_tokens
//   7. constraints, allowed tokens                 prefix_allowed_tokens_fn
//   8. exponential length penalty                  exponential_decay_length_penalty
//   9. banned tokens                               suppress_tokens
//
// The sampler comes last: top-n-sigma, temperature, top-k, top-p, min-p, typical-p. `tokenizer`
// and `constraint`, which may be null and is moved on as tokens are accepted, are borrowed and must
// outlive the list; `prompt` is copied where a processor looks back at it.
LogitProcessorList MakeLogitProcessors(const GenerationParams& params,
                                       std::span<const TokenId> prompt, const Tokenizer& tokenizer,
                                       ConstraintCursor* constraint = nullptr);

}  // namespace cascade::model
