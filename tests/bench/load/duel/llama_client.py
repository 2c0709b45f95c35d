# SPDX-License-Identifier: Apache-2.0
"""The process that loads llama-server: prints one JSON object.

python -m duel.llama_client JOB, a JSON object: llama.py starts it. It does what `cascade bench`
does in a closed loop, over llama-server's own protocol: a POST to /completion, answered by events.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import numpy as np
from race.models import VOCABULARY

SEED = 11


class Client:
    def __init__(self, url: str, load: dict[str, Any]) -> None:
        self._url = f"{url}/completion"
        self._load = load
        self._random = random.Random(SEED)
        self._left = int(load["requests"])
        self._tokens = self._answered = self._failed = 0
        self._first_token: list[float] = []
        self._between: list[float] = []
        self._long_first_token: list[float] = []

    async def run(self) -> dict[str, object]:
        # A connection a request: none is refused because an old one was just closed.
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            long_prompts = asyncio.create_task(self._send_long_prompts(session))
            begin = time.monotonic()
            streams = range(self._load["streams"])
            await asyncio.gather(*(self._ask_again_and_again(session) for _ in streams))
            seconds = time.monotonic() - begin
            long_prompts.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await long_prompts
        return {
            "seconds": seconds,
            "tokens": self._tokens,
            "answered": self._answered,
            "failed": self._failed,
            "first_token": _times(self._first_token),
            "between_tokens": _times(self._between),
            "long_first_token": self._long_first_token,
        }

    async def _ask_again_and_again(self, session: aiohttp.ClientSession) -> None:
        while self._left > 0:
            self._left -= 1
            try:
                await self._ask(session)
                self._answered += 1
            except (aiohttp.ClientError, ValueError) as error:
                print(error, file=sys.stderr)
                self._failed += 1

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        output_tokens = self._load["output_tokens"]
        last = time.monotonic()
        arrivals = 0
        request = self._request(self._load["prompt_tokens"], output_tokens)
        async for now, tokens, final in self._events(session, request):
            if final:
                if tokens != output_tokens:
                    raise ValueError(f"{tokens} tokens came, not {output_tokens}")
                self._tokens += tokens
                return
            (self._between if arrivals else self._first_token).append(now - last)
            last = now
            arrivals += 1
        raise ValueError("the answer broke off")

    async def _send_long_prompts(self, session: aiohttp.ClientSession) -> None:
        plan = self._load["long_prompts"]
        while plan:
            await asyncio.sleep(plan["every_seconds"])
            begin = time.monotonic()
            request = self._request(plan["prompt_tokens"], plan["output_tokens"])
            events = self._events(session, request)
            now, _, _ = await anext(events)
            self._long_first_token.append(now - begin)
            async for _ in events:
                pass

    async def _events(
        self, session: aiohttp.ClientSession, request: dict[str, object]
    ) -> AsyncIterator[tuple[float, int, bool]]:
        """When each event came, how many tokens it counts, and whether it is the last."""
        async with session.post(self._url, json=request) as answer:
            answer.raise_for_status()
            async for line in answer.content:
                if not line.startswith(b"data: "):
                    continue
                now = time.monotonic()
                event = json.loads(line[6:])
                yield now, event["tokens_predicted"], event["stop"]

    def _request(self, prompt_tokens: int, output_tokens: int) -> dict[str, object]:
        """Greedy, with the cheapest chain of samplers that is."""
        return {
            "prompt": [self._random.randrange(VOCABULARY - 1) for _ in range(prompt_tokens)],
            "n_predict": output_tokens,
            "stream": True,
            "cache_prompt": False,
            "ignore_eos": True,
            "samplers": ["top_k"],
            "top_k": 1,
        }


def _times(samples: list[float]) -> dict[str, float]:
    p50, p99 = np.percentile(samples, [50, 99], method="inverted_cdf") if samples else (0, 0)
    return {"p50": float(p50), "p99": float(p99), "count": len(samples)}


def main() -> None:
    job = json.loads(sys.argv[1])
    print(json.dumps(asyncio.run(Client(job["url"], job["load"]).run())))


if __name__ == "__main__":
    main()
