# SPDX-License-Identifier: Apache-2.0
"""Client and AsyncClient, over gRPC, with servers that break."""

import asyncio
import random
import unittest
from typing import Any, Callable, List

import grpc

from cascade_client import AsyncClient, CascadeError, Client, FingerprintMismatch, pb

from fake_model import Failure, answer, full, told
from fake_server import FakeServer
from generation_test import request, varied


class ClientTest(unittest.TestCase):
    """Each test runs with both clients."""

    def serve(self, *fates: Callable[[], Any], **settings: Any) -> List[FakeServer]:
        servers = [FakeServer(fate, **settings) for fate in fates]
        for server in servers:
            self.addCleanup(server.close)
        return servers

    def each(self, servers: List[FakeServer], whole: pb.GenerateRequest, *,
             timeout: Any = None, **settings: Any) -> Any:
        """For each kind of client, a function that reads an answer."""
        addresses = [server.address for server in servers]
        with Client(addresses, **settings) as client:
            yield lambda: list(client.generate_stream(whole, timeout=timeout))

        async def read() -> List[pb.GenerateEvent]:
            async with AsyncClient(addresses, **settings) as client:
                return [event async for event in client.generate_stream(whole, timeout=timeout)]

        yield lambda: asyncio.run(read())

    def test_streams_that_break_anywhere(self) -> None:
        breaks: List[int] = []

        def fate() -> Any:
            return (breaks.pop(), Failure()) if breaks else None

        servers = self.serve(fate, fate, fate)
        draw = random.Random(1)
        for whole in varied():
            expected = told(answer(whole))
            events = len(list(answer(whole)))
            for read in self.each(servers, whole):
                for first in range(events + 1):
                    breaks[:] = [draw.randrange(events + 1), draw.randrange(events + 1), first]
                    self.assertEqual(told(read()), expected)

    def test_hedging_cancels_the_slower_one(self) -> None:
        hangs, answers = self.serve(lambda: (1, None), lambda: None)
        for read in self.each([hangs, answers], request(), hedge_after=0.01):
            for _ in range(2):  # one of them begins with the replica that hangs
                self.assertEqual(told(read()), told(answer(request())))
        if hangs.requests:  # the cancellation may come before the call
            self.assertTrue(hangs.was_cancelled.wait())

    def test_a_full_server_is_asked_again_when_it_says(self) -> None:
        ends: List[Any] = []
        servers = self.serve(lambda: ends.pop() if ends else None)
        for read in self.each(servers, request()):
            ends[:] = [(0, full(20)), (0, full(10))]
            self.assertEqual(told(read()), told(answer(request())))

    def test_another_fingerprint_is_told(self) -> None:
        ends: List[Any] = []
        first = self.serve(lambda: ends.pop() if ends else (0, Failure()))
        second = self.serve(lambda: None, fingerprint="fake-2")
        for read in self.each(first + second, request(), max_failures=2):
            for _ in range(2):
                ends[:] = [(2, Failure())]
                try:  # each of the two begins once
                    self.assertEqual(read()[-1].summary.fingerprint, "fake-2")
                except FingerprintMismatch as error:
                    self.assertIn("fake-2", error.details())

    def test_the_deadline_ends_it(self) -> None:
        servers = self.serve(lambda: (2, Failure()), lambda: (2, None))
        for read in self.each(servers, request(), timeout=0.2):
            with self.assertRaises(CascadeError) as raised:
                read()
            self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_a_wrong_request_is_an_error_with_its_code(self) -> None:
        servers = self.serve(lambda: (0, Failure(grpc.StatusCode.INVALID_ARGUMENT, "top_p is 2")))
        for read in self.each(servers, request()):
            with self.assertRaises(grpc.RpcError) as raised:
                read()
            self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
            self.assertIn("top_p is 2", str(raised.exception))

    def test_the_token_comes_with_each_call(self) -> None:
        (server,) = self.serve(lambda: None)
        tokens = iter(["one", "two"])
        with Client(server.address, token=lambda: next(tokens)) as client:
            client.generate(request())
            client.generate(request())
        self.assertEqual([metadata["authorization"] for metadata in server.metadata],
                         ["Bearer one", "Bearer two"])

    def test_a_consumer_that_leaves_cancels(self) -> None:
        (server,) = self.serve(lambda: (2, None))
        with Client(server.address) as client:
            for event in client.generate_stream(request()):
                if event.HasField("delta"):
                    break
            del event
        self.assertTrue(server.was_cancelled.wait())

    def test_the_call_of_a_consumer_that_left_counts_no_more(self) -> None:
        servers = self.serve(lambda: None, lambda: None)
        addresses = [server.address for server in servers]

        def asked() -> List[int]:
            return sorted(len(server.requests) for server in servers)
        with Client(addresses, prefix_aware=True) as client:
            for _ in range(12):
                events = client.generate_stream(request())
                next(events)
                events.close()
        self.assertEqual(asked(), [0, 12])

        async def leave() -> None:
            async with AsyncClient(addresses, prefix_aware=True) as client:
                for _ in range(12):
                    events = client.generate_stream(request())
                    await events.__anext__()
                    await events.aclose()
        asyncio.run(leave())
        self.assertEqual(asked(), [0, 24])

    def test_one_message_has_what_the_stream_has(self) -> None:
        (server,) = self.serve(lambda: None)
        with Client(server.address) as client:
            response = client.generate(request(n=2))
        events = list(answer(request(n=2)))
        for index, choice in enumerate(response.choices):
            self.assertEqual(choice.text, "".join(
                event.delta.text for event in events if event.HasField("delta") and
                event.delta.index == index))
            self.assertEqual(choice.finish.index, index)
        self.assertEqual((response.prompt, response.summary), (events[0].prompt, events[-1].summary))

    def test_other_calls_go_elsewhere_too(self) -> None:
        ends = [(0, Failure()), (0, Failure())]
        servers = self.serve(lambda: ends.pop() if ends else None, lambda: ends.pop() if ends else None)
        with Client([server.address for server in servers]) as client:
            self.assertEqual(list(client.tokenize(pb.TokenizeRequest(text="abc")).token_ids), [97, 98, 99])
            self.assertEqual(client.get_model().fingerprint, "fake-1")

    def test_no_server_at_all(self) -> None:
        (server,) = self.serve(lambda: None)
        server.close()
        for read in self.each([server], request(), max_failures=2):
            with self.assertRaises(CascadeError) as raised:
                read()
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
