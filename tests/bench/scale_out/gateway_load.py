#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SMG in front of 1, 2 and 4 replicas, loaded by OpenAI's Python client: see README.md.

For each number of replicas and each routing policy it starts deploy/gateway/serve.sh anew, and asks for streamed
completions of prompts that share long beginnings. With --kill, one replica is killed in the middle. Needs the
package openai.
"""

import argparse
import asyncio
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import openai

ROOT = Path(__file__).resolve().parents[3]
WORDS = ("king queen wolf forest river castle daughter golden ring old little brother dragon sea night"
         " mountain garden apple bird shoe").split()


@dataclass
class Findings:
    first_token: list[float] = field(default_factory=list)  # seconds
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    outcomes: Counter = field(default_factory=Counter)
    seconds: float = 0.0

    def row(self) -> str:
        quantiles = statistics.quantiles(self.first_token, n=100)
        return (f"{self.generated_tokens / self.seconds:.0f} | {self.cached_tokens / self.prompt_tokens:.0%} | "
                f"{quantiles[49] * 1000:.0f} | {quantiles[98] * 1000:.0f} | "
                f"{', '.join(f'{count} {what}' for what, count in self.outcomes.most_common())}")


def make_prompts(args: argparse.Namespace) -> list[str]:
    rng = random.Random(args.seed)

    def words(count: int) -> str:
        return " ".join(rng.choices(WORDS, k=count))

    beginnings = [words(args.shared_words) for _ in range(args.beginnings)]
    return [f"{rng.choice(beginnings)} {words(args.own_words)}" for _ in range(args.requests)]


async def ask(client: openai.AsyncOpenAI, prompt: str, args: argparse.Namespace, findings: Findings) -> None:
    begun = time.monotonic()
    first = None
    usage = None
    finished = False
    try:
        stream = await client.completions.create(
            model=args.model.name, prompt=prompt, max_tokens=args.output_tokens, temperature=1, seed=1,
            stream=True, stream_options={"include_usage": True}, extra_body={"ignore_eos": True})
        async for chunk in stream:
            if first is None and chunk.choices and chunk.choices[0].text:
                first = time.monotonic() - begun
            finished = finished or bool(chunk.choices and chunk.choices[0].finish_reason)
            usage = chunk.usage or usage
    except openai.APIError as error:
        findings.outcomes[f"{type(error).__name__}{' in the middle' if first else ''}"] += 1
        return
    if not finished or usage is None:
        findings.outcomes["broken off with no error"] += 1
        return
    findings.outcomes["well"] += 1
    findings.first_token.append(first)
    findings.prompt_tokens += usage.prompt_tokens
    findings.cached_tokens += usage.prompt_tokens_details.cached_tokens or 0
    findings.generated_tokens += usage.completion_tokens


async def load(args: argparse.Namespace, replicas: int) -> Findings:
    findings = Findings()
    prompts = iter(make_prompts(args))
    client = openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{args.port}/v1", api_key="none", max_retries=0)

    async def one_after_another() -> None:
        for prompt in prompts:
            await ask(client, prompt, args, findings)

    begun = time.monotonic()
    tasks = [asyncio.create_task(one_after_another()) for _ in range(args.streams * replicas)]
    if args.kill:
        while sum(findings.outcomes.values()) < args.requests / 2:
            await asyncio.sleep(0.05)
        kill_one(args)
    await asyncio.gather(*tasks)
    findings.seconds = time.monotonic() - begun
    return findings


def kill_one(args: argparse.Namespace) -> None:
    pids = subprocess.run(["pgrep", "-f", f"cascade-server.*--listen=127.0.0.1:{args.port + 10} "],
                          capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(pids[-1]), signal.SIGKILL)


@contextmanager
def gateway(args: argparse.Namespace, replicas: int, policy: str):
    environment = os.environ | {"CASCADE_MODEL": str(args.model), "GATEWAY_PORT": str(args.port),
                                "CASCADE_PORT": str(args.port + 10), "CASCADE_FLAGS": args.flags}
    with subprocess.Popen([ROOT / "deploy/gateway/serve.sh", str(replicas), "--policy", policy], env=environment,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        try:
            for line in child.stderr:
                if re.match(r"serve.sh: \d+ replicas at", line):
                    break
            else:
                sys.exit("gateway_load: serve.sh has ended")
            # A full pipe would stop it.
            threading.Thread(target=child.stderr.read, daemon=True).start()
            yield
        finally:
            child.terminate()


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "deploy/models/tales-7m")
    parser.add_argument("--replicas", default="1,2,4")
    parser.add_argument("--policies", default="round_robin,cache_aware")
    parser.add_argument("--flags", default="", help="of cascade-server")
    parser.add_argument("--streams", type=int, default=4, help="at once, for each replica")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--beginnings", type=int, default=16, help="that the prompts share")
    parser.add_argument("--shared-words", type=int, default=250)
    parser.add_argument("--own-words", type=int, default=10)
    parser.add_argument("--output-tokens", type=int, default=16)
    parser.add_argument("--port", type=int, default=18000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kill", action="store_true", help="kill one replica in the middle")
    args = parser.parse_args()
    print("| replicas | policy | tokens/s | of prompts cached | first token p50, ms | p99, ms | requests |", flush=True)
    for replicas in map(int, args.replicas.split(",")):
        for policy in args.policies.split(","):
            with gateway(args, replicas, policy):
                findings = await load(args, replicas)
            print(f"| {replicas} | {policy} | {findings.row()} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
