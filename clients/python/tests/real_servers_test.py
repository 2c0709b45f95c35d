# SPDX-License-Identifier: Apache-2.0
"""Real servers, killed in the middle of their streams: the answer is that of a server that lived, bit for
bit. Left out unless CASCADE_BIN names the folder of cascade-server, CASCADE_MODEL that of a model."""

import asyncio
import itertools
import logging
import os
import pathlib
import random
import signal
import subprocess
import sys
import unittest
from typing import Collection, Iterator, List

import grpc

from cascade.v1 import text_generation_pb2_grpc
from cascade_client import AsyncClient, Client, FingerprintMismatch, pb

from fake_model import told

BIN = os.environ.get("CASCADE_BIN")
MODEL = os.environ.get("CASCADE_MODEL")


class Server:
    """A cascade-server that is ready."""

    def __init__(self, *flags: str) -> None:
        self.process = subprocess.Popen(
            [str(pathlib.Path(BIN or "") / "cascade-server"), f"--model={MODEL}", "--listen=127.0.0.1:0",
             "--drain_seconds=0", *flags], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        with Client(self.address, max_failures=1000) as client:
            client.get_model()

    def running(self) -> int:
        """How many answers it generates."""
        if self.process.poll() is not None:
            return 0
        with grpc.insecure_channel(self.address) as channel:
            stub = text_generation_pb2_grpc.TextGenerationStub(channel)
            return stub.GetStatus(pb.GetStatusRequest(), wait_for_ready=True).running

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.wait()

    def close(self) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        assert self.process.stdout is not None
        self.process.stdout.close()


def requests() -> Iterator[pb.GenerateRequest]:
    """Long answers, with all that depends on what came before. The candidates make messages so large
    that a server is far from its end when the client has read a few."""
    for seed in itertools.count(1):
        request = pb.GenerateRequest(
            request_id=f"request-{seed}", text="Once upon a time",
            sampling=pb.SamplingParams(seed=seed, temperature=0.9, top_k=50),
            penalties=pb.Penalties(repetition=1.1, frequency=0.1),
            cache=pb.CacheOptions(bypass=True),  # cached_tokens depends on what came before
            stopping=pb.StoppingParams(max_new_tokens=300, stop=["\nThe end of all that"]),
            response=pb.ResponseOptions(logprobs=True, candidates=20, bytes=True, ranks=True))
        if seed % 3 == 0:
            request.sampling.n = 3
            request.sampling.per_choice.add()
            request.sampling.per_choice.add(temperature=0.5, seed=99)
        if seed % 4 == 1:
            request.response.token_ids = True
            request.response.stream_interval = 5
        if seed % 5 == 2:
            request.constraint.regex = "[A-Za-z ,.]{200,}"
        yield request


@unittest.skipUnless(BIN and MODEL, "CASCADE_BIN and CASCADE_MODEL name no server")
class RealServersTest(unittest.TestCase):
    def setUp(self) -> None:
        self.draw = random.Random(7)
        self.servers = [self.start() for _ in range(3)]

    def start(self, *flags: str) -> Server:
        server = Server(*flags)
        self.addCleanup(server.close)
        return server

    def addresses(self) -> List[str]:
        return [server.address for server in self.servers]

    def end_busy_one(self, how: signal.Signals) -> None:
        """Ends the server that answers, and starts another one for the next answer."""
        for index, server in enumerate(self.servers):
            if server.running():
                server.end(how)
                self.servers[index] = self.start()
                return
        self.fail("the answer was over before its server could be ended")

    def interrupted(self, events: Iterator[pb.GenerateEvent], how: signal.Signals,
                    after: Collection[int]) -> Iterator[pb.GenerateEvent]:
        """The same events; when so many have come, the server that answers dies."""
        for place, event in enumerate(events, 1):
            yield event
            if place in after:
                self.end_busy_one(how)

    def test_answers_that_deaths_interrupt(self) -> None:
        ends = [signal.SIGKILL] * 5 + [signal.SIGTERM]
        for how, request in zip(ends, requests()):
            with Client(self.addresses()[0]) as client:
                expected = told(client.generate_stream(request))
            after = self.draw.randrange(1, 20), self.draw.randrange(40, 60)
            with self.assertLogs("cascade_client", logging.INFO) as log, Client(self.addresses()) as client:
                events = told(self.interrupted(client.generate_stream(request), how, after))
            self.assertEqual(events, expected)
            self.assertIn("going on elsewhere", log.output[0])

    def test_an_async_answer_that_a_death_interrupts(self) -> None:
        async def read() -> List[pb.GenerateEvent]:
            events = []
            async with AsyncClient(self.addresses()) as client:
                async for event in client.generate_stream(request):
                    events.append(event)
                    if len(events) == 15:
                        self.end_busy_one(signal.SIGKILL)
            return events

        for request in itertools.islice(requests(), 3):
            with Client(self.addresses()[0]) as client:
                expected = told(client.generate_stream(request))
            self.assertEqual(told(iter(asyncio.run(read()))), expected)

    def test_unbroken_is_what_the_server_says(self) -> None:
        with Client(self.addresses()[0]) as client, grpc.insecure_channel(self.addresses()[0]) as channel:
            stub = text_generation_pb2_grpc.TextGenerationStub(channel)
            for request in itertools.islice(requests(), 6):
                self.assertEqual(told(client.generate_stream(request)), told(stub.GenerateStream(request)))

    def test_an_answer_whose_server_hangs(self) -> None:
        request = next(requests())
        with Client(self.addresses()[0]) as client:
            expected = told(client.generate_stream(request))
        with Client(self.addresses(), stall_after=1) as client:
            events = []
            for event in client.generate_stream(request):
                events.append(event)
                if len(events) == 10:
                    next(server for server in self.servers if server.running()).process.send_signal(
                        signal.SIGSTOP)
        self.assertEqual(told(iter(events)), expected)

    def test_beams_and_the_best_of_many(self) -> None:
        for request in itertools.islice(requests(), 2):
            request.stopping.max_new_tokens = 60
            request.sampling.ClearField("per_choice")
            if request.sampling.seed == 1:
                request.sampling.best_of.choices = 4
            else:
                request.sampling.Clear()
                request.beam_search.width = 4
            with Client(self.addresses()[0]) as client:
                expected = told(client.generate_stream(request))
            with Client(self.addresses()) as client:
                self.assertEqual(told(client.generate_stream(request)), expected)

    def test_prompts_that_begin_alike_find_their_beginning_in_the_cache(self) -> None:
        beginning = "Once upon a time there was a king who had three daughters, and the eldest of them was "
        prompts = [beginning * 4 + end for end in ("fair", "wise", "proud", "kind")]
        with Client(self.addresses(), prefix_aware=True) as client:
            cached = [client.generate(pb.GenerateRequest(
                text=prompt, stopping=pb.StoppingParams(max_new_tokens=1))).prompt.cached_tokens
                for prompt in prompts]
        self.assertEqual(cached[0], 0)
        self.assertGreater(min(cached[1:]), 32)

    def test_the_command_line(self) -> None:
        command = [sys.executable, "-m", "cascade_client", "generate", "--seed=3", "--max_new_tokens=20",
                   *(f"--server={address}" for address in self.addresses()), "The old king"]
        with Client(self.addresses()[0]) as client:
            expected = client.generate(pb.GenerateRequest(
                text="The old king", sampling=pb.SamplingParams(seed=3),
                stopping=pb.StoppingParams(max_new_tokens=20))).choices[0].text
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout, expected)
        self.assertIn("MAX_TOKENS, seed 3", done.stderr)

    def test_another_model_does_not_go_on(self) -> None:
        self.servers = [self.start(), self.start("--weights=int8")]
        request = next(iter(requests()))
        with Client(self.addresses(), max_failures=2) as client, \
                self.assertRaises(FingerprintMismatch) as raised:
            for place, _ in enumerate(client.generate_stream(request)):
                if place == 10:
                    next(server for server in self.servers if server.running()).end(signal.SIGKILL)
        self.assertIn("fingerprint", raised.exception.details())


if __name__ == "__main__":
    unittest.main()
