#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Races `Score` against PyTorch's batched forward on the same texts, with the bundled model in f32.

    build/bin/cascade-server --model=deploy/models/tales-7m --weights=f32 --threads=1 &
    pip install -r tests/golden/requirements.txt grpcio-tools
    python -m grpc_tools.protoc -Iproto --python_out=build/python --grpc_python_out=build/python \\
        cascade/v1/text_generation.proto
    python tests/bench/score_peers.py localhost:50051 1

Texts: those of tests/golden/prompt_logprobs that have 40 tokens or more, the last quarter of each the continuation.
PyTorch takes them sorted by length, 16 at a time; the server all in one call, without its prefix cache. The two take
turns, each on as many threads as the second argument says; medians. Exits with 1 if a sum differs by more than 1e-4 a
token.
"""

import pathlib
import statistics
import sys
import time

import grpc
import numpy as np
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "build" / "python"))

from cascade.v1 import text_generation_pb2 as pb  # noqa: E402
from cascade.v1 import text_generation_pb2_grpc  # noqa: E402

TURNS = 5
BATCH = 16
LEAST_TOKENS = 40
TOLERANCE = 1e-4  # a token


def texts():
    folder = ROOT / "tests" / "golden" / "prompt_logprobs"
    tokens, start, kept = np.load(folder / "tokens.npy").reshape(-1), 0, []
    for length in np.load(folder / "lengths.npy"):
        text = [int(t) for t in tokens[start : start + length]]
        start += int(length)
        if length >= LEAST_TOKENS:
            kept.append((text, 3 * len(text) // 4))
    return kept


def by_torch(model, cases):
    sums = [0.0] * len(cases)
    order = sorted(range(len(cases)), key=lambda i: len(cases[i][0]))
    with torch.no_grad():
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            longest = max(len(cases[i][0]) for i in batch)
            ids = torch.zeros(len(batch), longest, dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, i in enumerate(batch):
                ids[row, : len(cases[i][0])] = torch.tensor(cases[i][0])
                mask[row, : len(cases[i][0])] = 1
            log_probs = torch.log_softmax(model(ids, attention_mask=mask).logits, -1)
            for row, i in enumerate(batch):
                text, first = cases[i]
                chosen = log_probs[row, torch.arange(first - 1, len(text) - 1), ids[row, first : len(text)]]
                sums[i] = float(chosen.double().sum())
    return sums


def by_server(stub, cases):
    request = pb.ScoreRequest(cache=pb.CacheOptions(bypass=True))
    for text, first in cases:
        item = request.items.add()
        item.prompt.token_ids.ids.extend(text[:first])
        item.continuations.add().token_ids.ids.extend(text[first:])
    sums = [0.0] * len(cases)
    for event in stub.Score(request):
        if event.HasField("score"):
            sums[event.score.item] = event.score.logprob
    return sums


def main():
    torch.set_num_threads(int(sys.argv[2]))
    cases = texts()
    model = transformers.GPT2LMHeadModel.from_pretrained(ROOT / "deploy" / "models" / "tales-7m").float().eval()
    stub = text_generation_pb2_grpc.TextGenerationStub(grpc.insecure_channel(sys.argv[1]))
    pairs = zip(by_torch(model, cases), by_server(stub, cases), cases)
    worst = max(abs(theirs - ours) / (len(text) - first) for theirs, ours, (text, first) in pairs)
    seconds = {"PyTorch": [], "Cascade": []}
    for _ in range(TURNS):
        for name, run in (("PyTorch", lambda: by_torch(model, cases)), ("Cascade", lambda: by_server(stub, cases))):
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    tokens = sum(len(text) for text, _ in cases)
    print(f"{len(cases)} texts, {tokens} tokens; worst difference of a sum, by token: {worst:.1e}")
    for name, times in seconds.items():
        print(f"{name}: {tokens / statistics.median(times):.0f} tokens/s")
    print(f"ratio {statistics.median(seconds['PyTorch']) / statistics.median(seconds['Cascade']):.2f}")
    sys.exit(1 if worst > TOLERANCE else 0)


if __name__ == "__main__":
    main()
