#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Races beam search against Hugging Face's generate() on the same prompts, with the bundled model in f32, and against
as many sampled answers (`sampling.n`) on the same server.

    build/bin/cascade-server --model=deploy/models/tales-7m --weights=f32 --threads=1 &
    pip install -r tests/golden/requirements.txt grpcio-tools
    python -m grpc_tools.protoc -Iproto --python_out=build/python --grpc_python_out=build/python \\
        cascade/v1/text_generation.proto
    python tests/bench/beam_peers.py localhost:50051 1

The first prompts of tests/golden/beams, 64 tokens after each, one prompt after the other, no end of text. The two take
turns, each on as many threads as the second argument says; medians. Exits with 1 if a beam differs.
"""

import json
import pathlib
import statistics
import sys
import time

import grpc
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "build" / "python"))

from cascade.v1 import text_generation_pb2 as pb  # noqa: E402
from cascade.v1 import text_generation_pb2_grpc  # noqa: E402

TURNS = 3
PROMPTS = 10
TOKENS = 64
WIDTHS = (2, 4, 8)


def prompts():
    cases = json.loads((ROOT / "tests" / "golden" / "beams" / "plain.json").read_text())["tales-7m"]["cases"]
    return [case["prompt"] for case in cases[1 : 4 * PROMPTS : 4]]


def by_transformers(model, prompt, width):
    with torch.no_grad():
        ids = model.generate(torch.tensor([prompt]), do_sample=False, num_beams=width, min_new_tokens=TOKENS,
                             max_new_tokens=TOKENS, pad_token_id=0)
    return ids[0, len(prompt):].tolist()


def by_server(stub, prompt, width, beams):
    request = pb.GenerateRequest(cache=pb.CacheOptions(bypass=True))
    request.token_ids.ids.extend(prompt)
    request.stopping.max_new_tokens = TOKENS
    request.stopping.min_new_tokens = TOKENS
    request.response.token_ids = True
    if beams:
        request.beam_search.width = width
    else:
        request.sampling.n = width
        request.sampling.temperature = 1
    return list(stub.Generate(request).choices[0].token_ids)


def main():
    torch.set_num_threads(int(sys.argv[2]))
    model = transformers.GPT2LMHeadModel.from_pretrained(ROOT / "deploy" / "models" / "tales-7m").float().eval()
    stub = text_generation_pb2_grpc.TextGenerationStub(grpc.insecure_channel(sys.argv[1]))
    different = 0
    for width in WIDTHS:
        runs = {
            "transformers": lambda prompt: by_transformers(model, prompt, width),
            "beams": lambda prompt: by_server(stub, prompt, width, True),
            "sampled": lambda prompt: by_server(stub, prompt, width, False),
        }
        different += sum(runs["transformers"](prompt) != runs["beams"](prompt) for prompt in prompts())
        seconds = {name: [] for name in runs}
        for _ in range(TURNS):
            for name, run in runs.items():
                started = time.perf_counter()
                for prompt in prompts():
                    run(prompt)
                seconds[name].append(time.perf_counter() - started)
        median = {name: statistics.median(times) for name, times in seconds.items()}
        print(f"width {width}: {median['beams'] / PROMPTS * 1e3:.0f} ms a prompt; "
              f"transformers takes {median['transformers'] / median['beams']:.1f} times as long; "
              f"{width} sampled answers take {median['sampled'] / median['beams']:.2f} times as long")
    print(f"{different} of {len(WIDTHS) * PROMPTS} best beams differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
