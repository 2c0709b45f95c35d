// SPDX-License-Identifier: Apache-2.0
// Beam search: which beams go on with which tokens, and which answers are the best.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/generation/decoding.h"
#include "model/generation/decoding_step.h"
#include "model/generation/generation_params.h"
#include "model/sampling/best_tokens.h"
#include "model/token.h"
#include "model/tokenizer/tokenizer.h"

namespace cascade::model {

// The search of one request. It sees logits and says how beams go on; its user runs the model and
// forks the KV cache. All beams take their tokens in the same steps.
//
// The same beams as Hugging Face's: GenerationMixin._beam_search of transformers 5, or, with
// several groups, _group_beam_search and BeamSearchScorer of transformers 4. The two differ in two
// points, which the .cc names.
//
// Tokens are chosen by the log-softmax of the logits, which the request's logit processors then
// change, as there. What is told of a token's log-probability is the model's own, as everywhere.
//
// Not thread-safe. The tokenizer is borrowed.
class BeamSearch {
 public:
  // As Decoding's constructor. REQUIRES: params.beams, with 1 <= returned <= width and width a
  // multiple of groups.
  BeamSearch(const GenerationParams& params, std::span<const TokenId> prompt, std::size_t n_ctx,
             const Tokenizer& tokenizer);

  // How a beam that is followed after a step has come about: by adding `token` to the beam that was
  // number `parent` before the step.
  struct Extension {
    std::size_t parent = 0;
    TokenId token = 0;
  };

  // Beams that are followed now: whose next logits Step needs. One before the first step, which
  // stands for the prompt alone. Then at most the width: fewer if there are no more continuations.
  std::size_t size() const;

  // Goes one token further, given the logits of each beam's last token, [size()][vocab_size].
  // Returns the beams that are followed after it. A beam of which the logit processors leave no
  // continuation (or a constraint takes too long to find them) is given up; INVALID_ARGUMENT if
  // none is left and no answer has ended. INTERNAL as CheckFinite. REQUIRES: not done.
  absl::StatusOr<std::vector<Extension>> Step(std::span<const std::span<const float>> logits);

  // Whether the search is over: no beam is followed.
  bool done() const { return size() == 0; }

  // The steps of one answer, as Decoding gives them. The last one has the finish, with the score.
  using Answer = std::vector<DecodingStep>;

  // The answers, the best first: BeamParams::returned, or fewer if fewer were found.
  // REQUIRES: done.
  std::vector<Answer> TakeAnswers();

  // Ends the search where it stands, with the beams that are followed as answers too: those finish
  // with `reason`.
  std::vector<Answer> Stop(FinishReason reason);

 private:
  struct Beam {
    std::vector<GeneratedToken> tokens;
    double log_prob = 0.0;               // the sum by which beams are compared
    std::unique_ptr<Decoding> decoding;  // has taken `tokens`
  };
  // A beam of its group, and a token that it could go on with.
  struct Candidate {
    std::size_t beam = 0;
    TokenId token = 0;
    double log_prob = 0.0;  // of the beam with the token
  };
  struct Ended {
    std::vector<GeneratedToken> tokens;
    double score = 0.0;
  };
  // A part of the beams, which is searched by itself.
  struct Group {
    std::vector<Beam> beams;   // those that are followed, best first; none once it is done
    std::vector<Ended> ended;  // best first, at most width()
  };
  using Rows = std::span<const std::span<const float>>;  // logits of a group's beams

  std::size_t width() const { return beams_.width / beams_.groups; }  // of a group
  bool has_groups() const { return beams_.groups > 1; }

  absl::StatusOr<std::vector<Extension>> StepGroup(Group& group, Rows logits);
  absl::StatusOr<std::vector<Candidate>> FindCandidates(Group& group, Rows logits);
  absl::Status ScoreTokens(Beam& beam, std::span<const float> logits);
  std::vector<Candidate> SplitCandidates(Group& group, std::span<const Candidate> candidates,
                                         Rows logits) const;
  bool CannotImprove(const Group& group, double best_log_prob) const;
  std::vector<Beam> Extend(std::vector<Beam> beams, std::span<const Candidate> chosen,
                           Rows logits) const;

  // With what is to be told of it.
  GeneratedToken TokenOf(TokenId token, std::span<const float> logits) const;
  std::unique_ptr<Decoding> Replay(std::span<const GeneratedToken> tokens) const;
  double ScoreOf(double log_prob, std::size_t tokens) const;
  bool IsAmongBest(const Group& group, double log_prob, std::size_t tokens) const;
  void AddEnded(Group& group, std::vector<GeneratedToken> tokens, double log_prob) const;
  std::vector<Answer> TakeAnswers(FinishReason reason);
  Answer StepsOf(Ended answer, FinishReason reason) const;

  GenerationParams params_;
  BeamParams beams_;
  std::vector<TokenId> prompt_;
  std::size_t n_ctx_;
  const Tokenizer& tokenizer_;
  std::size_t longest_;     // answer that there may be, in tokens
  std::size_t length_ = 0;  // of each beam, in tokens
  std::vector<Group> groups_;
  std::vector<TokenId> taken_;  // in this step, by the groups that were searched before
  std::vector<float> scores_;   // scratch: of one beam's continuations, [vocab_size]
  std::vector<ScoredToken> scratch_;
};

}  // namespace cascade::model
