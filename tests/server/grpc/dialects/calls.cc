// SPDX-License-Identifier: Apache-2.0

#include "tests/server/grpc/dialects/calls.h"

#include <utility>

#include "absl/synchronization/notification.h"
#include "tests/server/grpc/vllm/vllm_calls.h"
#include "tests/server/served.h"

namespace cascade::testing {
namespace {

v1::GenerateRequest ToNative(const Ask& ask) {
  v1::GenerateRequest request = Request(ask.tokens);
  request.set_text(ask.text);
  if (!ask.ids.empty()) {
    request.mutable_token_ids()->mutable_ids()->Assign(ask.ids.begin(), ask.ids.end());
  }
  if (ask.truncate_to) request.mutable_truncation()->set_max_prompt_tokens(*ask.truncate_to);
  request.mutable_response()->set_token_ids(true);
  if (ask.candidates > 0) {
    request.mutable_response()->set_logprobs(true);
    request.mutable_response()->set_candidates(ask.candidates);
  }
  return request;
}

engine_pb::GenerateRequest ToVllm(const Ask& ask, bool stream) {
  engine_pb::GenerateRequest request = VllmRequest(ask.tokens, stream);
  request.set_text(ask.text);
  if (!ask.ids.empty()) {
    request.mutable_tokenized()->mutable_input_ids()->Assign(ask.ids.begin(), ask.ids.end());
  }
  engine_pb::SamplingParams& params = *request.mutable_sampling_params();
  if (ask.truncate_to) {
    params.set_truncate_prompt_tokens(static_cast<std::int32_t>(*ask.truncate_to));
  }
  if (ask.candidates > 0) params.set_logprobs(static_cast<std::int32_t>(ask.candidates));
  return request;
}

// What a message adds to a reply.
template <typename Ids>
void AddTokens(const Ids& ids, int logprobs, Reply& reply) {
  reply.tokens.insert(reply.tokens.end(), ids.begin(), ids.end());
  reply.logprobs += static_cast<std::size_t>(logprobs);
  if (!ids.empty()) ++reply.messages;
}

void Add(const v1::GenerateEvent& event, Reply& reply) {
  AddTokens(event.delta().token_ids(), event.delta().logprobs_size(), reply);
  if (event.has_summary()) reply.generated = event.summary().usage().generated_tokens();
}

void Add(const v1::GenerateResponse& response, Reply& reply) {
  for (const v1::Choice& choice : response.choices()) {
    AddTokens(choice.token_ids(), choice.logprobs_size(), reply);
  }
  reply.generated = response.summary().usage().generated_tokens();
}

// A stream's last message tells all tokens again.
void Add(const engine_pb::GenerateResponse& response, Reply& reply) {
  const engine_pb::GenerateStreamChunk& chunk = response.chunk();
  AddTokens(chunk.token_ids(), chunk.output_logprobs().token_logprobs_size(), reply);
  if (!response.has_complete()) return;
  const engine_pb::GenerateComplete& complete = response.complete();
  if (reply.messages == 0) {
    AddTokens(complete.output_ids(), complete.output_logprobs().token_logprobs_size(), reply);
  }
  reply.generated = complete.completion_tokens();
}

// A call of a method that streams.
template <typename Stub, typename Message>
class ReaderCall final : public StreamCall {
 public:
  // `start` begins the call of a stub with a context.
  template <typename Start>
  ReaderCall(std::unique_ptr<Stub> stub, const Ask& ask, Start start) : stub_(std::move(stub)) {
    if (ask.deadline) context().set_deadline(*ask.deadline);
    reader_ = start(*stub_, context());
  }
  ~ReaderCall() override {
    context().TryCancel();
    ReadRest();
  }

  void WaitUntilAccepted() override { reader_->WaitForInitialMetadata(); }

  bool ReadToken() override {
    while (reply_.tokens.empty() && Read()) {
    }
    return !reply_.tokens.empty();
  }

  const Reply& Rest() override {
    ReadRest();
    return reply_;
  }

 private:
  bool Read() {
    if (!reader_->Read(&message_)) return false;
    Add(message_, reply_);
    return true;
  }

  void ReadRest() {
    if (reader_ == nullptr) return;
    while (Read()) {
    }
    reply_.status = reader_->Finish();
    reader_.reset();
  }

  std::unique_ptr<Stub> stub_;
  std::unique_ptr<grpc::ClientReader<Message>> reader_;
  Message message_;
  Reply reply_;
};

// A call of cascade.v1's method that does not stream.
class NativeWholeCall final : public GenerateCall {
 public:
  NativeWholeCall(const std::shared_ptr<grpc::Channel>& channel, const Ask& ask)
      : stub_(v1::TextGeneration::NewStub(channel)), request_(ToNative(ask)) {
    if (ask.deadline) context().set_deadline(*ask.deadline);
    stub_->async()->Generate(&context(), &request_, &response_, [this](const grpc::Status& status) {
      reply_.status = status;
      ended_.Notify();
    });
  }
  ~NativeWholeCall() override {
    context().TryCancel();
    WaitForTheEnd();
  }

  const Reply& Rest() override {
    WaitForTheEnd();
    return reply_;
  }

 private:
  void WaitForTheEnd() {
    if (has_reply_) return;
    ended_.WaitForNotification();
    if (reply_.status.ok()) Add(response_, reply_);
    has_reply_ = true;
  }

  std::unique_ptr<v1::TextGeneration::Stub> stub_;
  const v1::GenerateRequest request_;
  v1::GenerateResponse response_;
  absl::Notification ended_;
  bool has_reply_ = false;
  Reply reply_;
};

std::unique_ptr<StreamCall> StartVllm(const std::shared_ptr<grpc::Channel>& channel, const Ask& ask,
                                      bool stream) {
  return std::make_unique<ReaderCall<VllmStub, engine_pb::GenerateResponse>>(
      engine_pb::VllmEngine::NewStub(channel), ask,
      [&ask, stream](VllmStub& stub, grpc::ClientContext& context) {
        return stub.Generate(&context, ToVllm(ask, stream));
      });
}

}  // namespace

std::string NameOf(const ::testing::TestParamInfo<Dialect>& info) {
  return info.param == Dialect::kNative ? "Native" : "Vllm";
}

std::string ServiceOf(Dialect dialect) {
  return dialect == Dialect::kNative ? v1::TextGeneration::service_full_name()
                                     : engine_pb::VllmEngine::service_full_name();
}

std::unique_ptr<StreamCall> StartStream(Dialect dialect,
                                        const std::shared_ptr<grpc::Channel>& channel,
                                        const Ask& ask) {
  if (dialect == Dialect::kVllm) return StartVllm(channel, ask, /*stream=*/true);
  return std::make_unique<ReaderCall<v1::TextGeneration::Stub, v1::GenerateEvent>>(
      v1::TextGeneration::NewStub(channel), ask,
      [&ask](v1::TextGeneration::Stub& stub, grpc::ClientContext& context) {
        return stub.GenerateStream(&context, ToNative(ask));
      });
}

std::unique_ptr<GenerateCall> StartWhole(Dialect dialect,
                                         const std::shared_ptr<grpc::Channel>& channel,
                                         const Ask& ask) {
  if (dialect == Dialect::kVllm) return StartVllm(channel, ask, /*stream=*/false);
  return std::make_unique<NativeWholeCall>(channel, ask);
}

}  // namespace cascade::testing
