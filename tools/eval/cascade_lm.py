# SPDX-License-Identifier: Apache-2.0
"""A Cascade server as a model of lm-evaluation-harness.

Log-likelihoods are the sums of the prompt's own log-probabilities, from the continuation's first token on; "greedy"
is that each of these tokens is the most probable one. Requests go to the server side by side, which runs them in one
batch and computes a context that several continuations share once.
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
        return self.model.limits.max_prompt_tokens

    def tok_encode(self, string, **_):
        return list(self.stub.Tokenize(pb.TokenizeRequest(text=string)).token_ids)

    def log_likelihood_of(self, context, continuation):
        """The sum of the continuation's log-probabilities after the context's last tokens, and whether it is greedy."""
        if len(continuation) > self.max_length - 1:
            raise ValueError(f"a continuation of {len(continuation)} tokens; at most {self.max_length - 1} fit")
        tokens = (context + continuation)[-self.max_length:]
        answer = self.stub.Generate(pb.GenerateRequest(
            token_ids=pb.TokenIds(ids=tokens),
            stopping=pb.StoppingParams(max_new_tokens=1),
            response=pb.ResponseOptions(prompt_logprobs=True, ranks=True,
                                        prompt_logprobs_from=len(tokens) - len(continuation))))
        scored = answer.prompt.logprobs
        return sum(token.logprob for token in scored), all(token.rank == 1 for token in scored)

    def _loglikelihood_tokens(self, requests, disable_tqdm=False, **_):
        return list(self.pool.map(lambda request: self.log_likelihood_of(request[1], request[2]), requests))

    def loglikelihood_rolling(self, requests, disable_tqdm=False):
        def roll(request):
            windows = map(make_disjoint_window, get_rolling_token_windows(
                token_list=self.tok_encode(request.args[0]), prefix_token=self.eot_token_id,
                max_seq_len=self.max_length - 1, context_len=1))
            return sum(self.log_likelihood_of(context, continuation)[0] for context, continuation in windows)
        return list(self.pool.map(roll, requests))

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
