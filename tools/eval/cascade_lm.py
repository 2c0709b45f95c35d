# SPDX-License-Identifier: Apache-2.0
"""A Cascade server as a model of lm-evaluation-harness.

Log-likelihoods are those of Score; "greedy" is that each of a continuation's tokens is the most probable one. Requests
go to the server side by side, which runs them in one batch and computes a context that several continuations share once.
"""

import concurrent.futures
import pathlib
import sys

import grpc
from lm_eval.api.model import TemplateLM
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

# Where the README's command puts the code that is generated from the contract.
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "build" / "python"))

from cascade.v1 import text_generation_pb2 as pb  # noqa: E402
from cascade.v1 import text_generation_pb2_grpc  # noqa: E402

PAIRS_OF_A_CALL = 64


class CascadeLM(TemplateLM):
    def __init__(self, server="localhost:50051", concurrency=16, max_gen_toks=128):
        super().__init__()
        self.stub = text_generation_pb2_grpc.TextGenerationStub(grpc.insecure_channel(server))
        self.model = self.stub.GetModel(pb.GetModelRequest(), wait_for_ready=True, timeout=60)
        self.pool = concurrent.futures.ThreadPoolExecutor(concurrency)
        self.max_gen_toks = max_gen_toks

    @property
    def eot_token_id(self):
        return self.model.defaults.eos_token_ids[0]

    @property
    def max_length(self):
        return self.model.limits.max_score_tokens - 1  # the last token of what is scored does not run

    def tok_encode(self, string, **_):
        return list(self.stub.Tokenize(pb.TokenizeRequest(text=string)).token_ids)

    def scores_of(self, pairs):
        """Of each pair (context, continuation): the sum of the continuation's log-probabilities, and whether it is
        greedy. What is too long loses the context's beginning. Pairs of one context that follow each other share it."""
        items = []  # of (context, [index into pairs, ...])
        for index, (context, continuation) in enumerate(pairs):
            if len(continuation) > self.max_length:
                raise ValueError(f"a continuation of {len(continuation)} tokens; at most {self.max_length} fit")
            context = context[-(self.max_length + 1 - len(continuation)):]
            if items and items[-1][0] == context:
                items[-1][1].append(index)
            else:
                items.append((context, [index]))
        request = pb.ScoreRequest(items=[
            pb.ScoreRequest.Item(
                prompt=pb.Input(token_ids=pb.TokenIds(ids=context)),
                continuations=[pb.Input(token_ids=pb.TokenIds(ids=pairs[index][1])) for index in indices])
            for context, indices in items])
        scores = [None] * len(pairs)
        for event in self.stub.Score(request):
            if event.HasField("score"):
                index = items[event.score.item][1][event.score.continuation]
                scores[index] = event.score.logprob, event.score.is_greedy
        return scores

    def in_calls(self, pairs):
        """The scores of all pairs, some of them in each call, and several calls side by side."""
        parts = [pairs[begin:begin + PAIRS_OF_A_CALL] for begin in range(0, len(pairs), PAIRS_OF_A_CALL)]
        return [score for scores in self.pool.map(self.scores_of, parts) for score in scores]

    def _loglikelihood_tokens(self, requests, disable_tqdm=False, **_):
        return self.in_calls([(context, continuation) for _, context, continuation in requests])

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        pairs, counts = [], []
        for request in requests:
            windows = list(map(make_disjoint_window, get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]), prefix_token=self.eot_token_id,
                max_seq_len=self.max_length, context_len=1)))
            pairs += windows
            counts.append(len(windows))
        scores = iter(self.in_calls(pairs))
        return [sum(next(scores)[0] for _ in range(count)) for count in counts]

    def generate_until(self, requests, disable_tqdm=False):
        def generate(request):
            context, settings = request.args
            stop = settings.get("until") or []
            sampling = pb.SamplingParams(temperature=settings.get("temperature", 0.0), seed=settings.get("seed", 0))
            if "top_p" in settings:
                sampling.top_p = settings["top_p"]
            return self.stub.Generate(pb.GenerateRequest(
                text=context, truncation=pb.Truncation(), sampling=sampling,
                stopping=pb.StoppingParams(max_new_tokens=settings.get("max_gen_toks", self.max_gen_toks),
                                           stop=[stop] if isinstance(stop, str) else stop))).choices[0].text
        return list(self.pool.map(generate, requests))
