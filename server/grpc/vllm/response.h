// SPDX-License-Identifier: Apache-2.0
// From answers to the messages of vllm.grpc.engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/grpc/call/answer.h"
#include "server/grpc/vllm/messages.h"
#include "server/grpc/vllm/request.h"

namespace cascade::server {

struct ModelInfo;

// Writes one answer as the messages of one Generate call. For ServerStream.
class VllmEncoder {
 public:
  using Event = engine_pb::GenerateResponse;

  struct Report {
    bool stream = false;
    AskedLogProbs log_probs = {};
  };

  // Borrows `info`. The answer must keep its tokens and, unless `report.stream`, show its choices
  // when all have finished (Answer::ShowBest with Order::kNumber).
  VllmEncoder(const ModelInfo& info, const Report& report) : info_(&info), report_(report) {}

  // Fills `event` with what comes next: of each choice its chunks, if they are wanted, and what
  // completes it. An answer that was aborted is completed with what there is. False, with `event`
  // unspecified, if there is nothing to send now.
  bool Encode(Answer& answer, Event& event);

  // True once every choice is complete.
  bool complete() const { return complete_; }

 private:
  struct Choice {
    bool has_first = false;          // its first message was sent
    bool is_complete = false;        // its last one was
    std::vector<std::uint32_t> ids;  // that chunks told
  };

  bool IsLast(std::size_t place) const;
  bool EncodeChunk(const Answer& answer, std::size_t place, Event& event);
  void EncodeComplete(const Answer& answer, std::size_t place, Event& event);

  // Fields that both messages have.
  template <typename Message>
  void FillCommon(const Answer& answer, std::size_t place, Message& message);

  const ModelInfo* info_;
  Report report_;
  std::vector<Choice> choices_;  // that are shown
  bool complete_ = false;
  Answer::Delta delta_;  // of the last message; kept for its memory
};

// The prompt's vector. For UnaryCall.
class VllmEmbedEncoder {
 public:
  using Response = engine_pb::EmbedResponse;
  void Append(Answer& answer, Response& response);
};

}  // namespace cascade::server
