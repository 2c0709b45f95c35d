# SPDX-License-Identifier: Apache-2.0
"""Which replica a session calls, when, and how it ends."""

import unittest
from typing import Any, List

import grpc

from cascade_client import CascadeError, FingerprintMismatch, pb
from cascade_client.generation import Generation
from cascade_client.whole import Whole

from fake_model import Failure, answer, full, told
from generation_test import request
from simulation import Server, World


def always(*end: Any) -> Any:
    return lambda _attempt: end


def once(*end: Any) -> Any:
    ends: List[Any] = [end]
    return lambda _attempt: ends.pop() if ends else None


class SessionTest(unittest.TestCase):
    def setUp(self) -> None:
        self.whole = request()
        self.expected = told(answer(self.whole))

    def ends_with(self, world: World, code: grpc.StatusCode, **limits: Any) -> CascadeError:
        with self.assertRaises(CascadeError) as raised:
            list(world.run(Generation(self.whole), **limits))
        self.assertEqual(raised.exception.code(), code)
        return raised.exception

    def test_a_full_replica_is_passed_over(self) -> None:
        world = World({"a": Server(always(0, full(5000))), "b": Server()})
        self.assertEqual(told(world.run(Generation(self.whole))), self.expected)
        self.assertEqual(world.now, 1000)
        # Nor is it asked by the next request.
        list(world.run(Generation(self.whole)))
        self.assertEqual(len(world.servers["a"].attempts), 1)

    def test_when_all_are_full_it_waits_as_long_as_the_soonest_says(self) -> None:
        world = World({"a": Server(once(0, full(5000))), "b": Server(once(0, full(2000)))})
        self.assertEqual(told(world.run(Generation(self.whole))), self.expected)
        self.assertEqual(world.now, 1002)
        self.assertEqual(len(world.servers["b"].attempts), 2)

    def test_it_does_not_wait_beyond_the_deadline(self) -> None:
        world = World({"a": Server(always(0, full(5000)))})
        self.ends_with(world, grpc.StatusCode.RESOURCE_EXHAUSTED, deadline=1003)
        self.assertEqual(world.now, 1000)

    def test_full_for_good_or_out_of_memory_is_an_error(self) -> None:
        for end in ((0, full(-1)), (2, full(10)),
                    (0, Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, "a message of 5 MiB"))):
            self.ends_with(World({"a": Server(always(*end)), "b": Server()}),
                           grpc.StatusCode.RESOURCE_EXHAUSTED)

    def test_other_errors_are_the_consumers(self) -> None:
        for code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.CANCELLED,
                     grpc.StatusCode.ABORTED, grpc.StatusCode.INTERNAL):
            world = World({"a": Server(always(2, Failure(code, "says the server"))), "b": Server()})
            error = self.ends_with(world, code)
            self.assertEqual((error.details(), error.replica), ("says the server", "a"))
            self.assertFalse(world.servers["b"].attempts)

    def test_what_proxies_say_of_a_broken_stream(self) -> None:
        reset = "Received RST_STREAM with error code 2"
        for failure in (Failure(grpc.StatusCode.INTERNAL, reset), Failure(grpc.StatusCode.UNKNOWN, reset),
                        Failure(grpc.StatusCode.CANCELLED, reset),
                        Failure(grpc.StatusCode.CANCELLED, "CANCELLED")):
            world = World({"a": Server(always(2, failure)), "b": Server()})
            self.assertEqual(told(world.run(Generation(self.whole))), self.expected)

    def test_the_deadline_is_one_for_all_calls(self) -> None:
        def fate(attempt: Any) -> Any:
            world.now += 4
            return 2, Failure()
        world = World({"a": Server(fate), "b": Server(fate)})
        self.ends_with(world, grpc.StatusCode.DEADLINE_EXCEEDED, deadline=1010)
        attempts = world.servers["a"].attempts + world.servers["b"].attempts
        self.assertEqual(sorted(round(attempt.timeout) for attempt in attempts), [2, 6, 10])

    def test_the_deadline_ends_a_call_that_hangs(self) -> None:
        world = World({"a": Server(always(2, Server.HANGS))})
        self.ends_with(world, grpc.StatusCode.DEADLINE_EXCEEDED, deadline=1010)
        self.assertEqual(world.now, 1010)
        self.assertEqual(world.cancelled, world.servers["a"].attempts)

    def test_another_fingerprint_tells_no_rest(self) -> None:
        ends = iter([(2, Failure())])
        a = Server(lambda _attempt: next(ends, (0, Failure())))
        world = World({"a": a, "b": Server(fingerprint="fake-2")})
        error = self.ends_with(world, grpc.StatusCode.FAILED_PRECONDITION, max_failures=3)
        self.assertIsInstance(error, FingerprintMismatch)
        self.assertIn("b: the fingerprint here is fake-2", error.details())
        self.assertEqual([len(server.attempts) for server in world.servers.values()], [3, 1])

    def test_another_fingerprint_tells_no_rest_of_an_answer_without_a_token(self) -> None:
        world = World({"a": Server(once(1, Failure())), "b": Server(fingerprint="fake-2")})
        self.assertEqual(told(world.run(Generation(self.whole))), self.expected)  # of a, again
        self.assertEqual([len(server.attempts) for server in world.servers.values()], [2, 1])

    def test_another_fingerprint_may_tell_all(self) -> None:
        world = World({"a": Server(always(0, Failure())), "b": Server(fingerprint="fake-2")})
        self.assertEqual(told(world.run(Generation(self.whole))), told(answer(self.whole, "fake-2")))

    def test_a_server_that_does_not_know_resume_tells_no_rest(self) -> None:
        class Old(Server):
            def answer(self, attempt: Any) -> Any:
                attempt.request.ClearField("resume")
                for event in answer(attempt.request):
                    if event.HasField("prompt"):
                        event.prompt.ClearField("seed")
                        event.prompt.ClearField("fingerprint")
                    yield event
        world = World({"a": Old(always(2, Failure())), "b": Old()})
        error = self.ends_with(world, grpc.StatusCode.FAILED_PRECONDITION)
        self.assertIn("resume", error.details())

    def test_it_gives_up_after_so_many_failures(self) -> None:
        world = World({"a": Server(always(1, Failure())), "b": Server(always(0, Failure()))})
        self.ends_with(world, grpc.StatusCode.UNAVAILABLE, max_failures=6)
        self.assertEqual(sum(len(server.attempts) for server in world.servers.values()), 6)
        self.assertGreater(world.now, 1000)

    def test_failures_do_not_add_up_while_tokens_come(self) -> None:
        world = World({"a": Server(always(2, Failure())), "b": Server(always(2, Failure()))})
        self.assertEqual(told(world.run(Generation(self.whole), max_failures=2)), self.expected)

    def test_a_second_replica_is_asked_when_no_token_comes(self) -> None:
        for told_before in (0, 1):
            world = World({"a": Server(always(told_before, Server.HANGS)), "b": Server()})
            self.assertEqual(told(world.run(Generation(self.whole), hedge_after=0.5)), self.expected)
            self.assertEqual(world.now, 1000.5)
            self.assertEqual(world.cancelled, world.servers["a"].attempts)

    def test_no_second_replica_is_asked_once_a_token_has_come(self) -> None:
        world = World({"a": Server(always(2, Server.HANGS)), "b": Server()})
        self.ends_with(world, grpc.StatusCode.DEADLINE_EXCEEDED, hedge_after=0.5, deadline=1010)
        self.assertFalse(world.servers["b"].attempts)

    def test_a_server_that_falls_silent_is_left(self) -> None:
        for after in range(2, 9):
            world = World({"a": Server(always(after, Server.HANGS)), "b": Server()})
            self.assertEqual(told(world.run(Generation(self.whole), stall_after=5)), self.expected)
            self.assertEqual(world.now, 1005)
            self.assertEqual(world.cancelled, world.servers["a"].attempts)

    def test_silence_before_the_first_token_is_no_stall(self) -> None:
        world = World({"a": Server(always(1, Server.HANGS)), "b": Server()})
        self.ends_with(world, grpc.StatusCode.DEADLINE_EXCEEDED, stall_after=5, deadline=1010)

    def test_a_second_replica_of_another_fingerprint_does_not_win(self) -> None:
        world = World({"a": Server(always(1, Server.HANGS)), "b": Server(fingerprint="fake-2")})
        self.ends_with(world, grpc.StatusCode.DEADLINE_EXCEEDED, hedge_after=0.5, deadline=1010)
        self.assertEqual([attempt.replica for attempt in world.cancelled], ["b", "a"])

    def test_of_a_hedged_pair_one_may_break(self) -> None:
        world = World({"a": Server(always(0, Server.HANGS)), "b": Server(always(1, Failure()))})
        self.ends_with(world, grpc.StatusCode.DEADLINE_EXCEEDED, hedge_after=0.5, deadline=1010)
        self.assertEqual([len(server.attempts) for server in world.servers.values()], [1, 1])

    def test_the_ninth_call_at_once_goes_to_the_next_replica(self) -> None:
        world = World({"a": Server(), "b": Server()}, is_bounded=True)

        def calls() -> List[int]:
            return [len(server.attempts) for server in world.servers.values()]
        answers = [world.run(Generation(self.whole)) for _ in range(10)]
        for one in answers[:9]:
            next(one)
        self.assertEqual(calls(), [8, 1])
        answers[0].close()  # nobody waits for the rest
        next(answers[9])
        self.assertEqual(calls(), [9, 1])
        for one in answers[1:]:
            list(one)
        list(world.run(Generation(self.whole)))
        self.assertEqual(calls(), [10, 1])

    def test_a_second_replica_is_busy_too_while_it_is_asked(self) -> None:
        world = World({"a": Server(always(0, Server.HANGS)), "b": Server(), "c": Server()}, is_bounded=True)
        answers = [world.run(Generation(self.whole), hedge_after=0.5) for _ in range(9)]
        for one in answers:
            next(one)  # the prompt, of b; neither has brought a token
        self.assertEqual([len(server.attempts) for server in world.servers.values()], [8, 8, 1])
        for one in answers:
            list(one)

    def test_a_call_that_tells_nothing_before_its_end_is_made_again(self) -> None:
        class Scorer(Server):
            def answer(self, attempt: Any) -> Any:
                for index in range(3):
                    yield pb.ScoreEvent(score=pb.ContinuationScore(continuation=index))
                yield pb.ScoreEvent(summary=pb.Summary())
        for after in range(4):
            world = World({"a": Scorer(always(after, Failure())), "b": Scorer()})
            events = list(world.run(Whole("Score", pb.ScoreRequest())))
            self.assertEqual([event.WhichOneof("event") for event in events], ["score"] * 3 + ["summary"])


if __name__ == "__main__":
    unittest.main()
