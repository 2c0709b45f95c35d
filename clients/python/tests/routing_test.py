# SPDX-License-Identifier: Apache-2.0
"""Who is asked first."""

import collections
import unittest
from typing import List

from cascade_client import pb
from cascade_client.replicas import Replicas
from cascade_client.routing import PrefixAware, RoundRobin, prefix_of

ADDRESSES = ["a:1", "b:1", "c:1", "d:1"]


def prompt(text: str) -> pb.GenerateRequest:
    return pb.GenerateRequest(text=text)


class RoutingTest(unittest.TestCase):
    def test_round_robin_begins_with_each_in_turn(self) -> None:
        router = RoundRobin(ADDRESSES)
        orders = [router.order(prompt("")) for _ in range(8)]
        self.assertEqual(collections.Counter(order[0] for order in orders),
                         {address: 2 for address in ADDRESSES})
        for order in orders:
            self.assertEqual(sorted(order), ADDRESSES)

    def test_the_order_is_that_of_every_client(self) -> None:
        """The example of the C++ client's test (tests/client/prefix_order_test.cc)."""
        addresses = [f"10.0.0.{number}:50051" for number in range(4)]
        request = prompt("The old king")
        request.cache.salt = "tenant"
        self.assertEqual(PrefixAware(addresses).order(request), [addresses[i] for i in (0, 3, 1, 2)])

    def test_prompts_that_begin_alike_go_to_the_same_replica(self) -> None:
        beginning = "You are a teller of tales. " * 10
        orders = {tuple(PrefixAware(ADDRESSES).order(prompt(f"{beginning}Tale {number}")))
                  for number in range(20)}
        self.assertEqual(len(orders), 1)

    def test_other_prompts_spread(self) -> None:
        router = PrefixAware(ADDRESSES)
        first = collections.Counter(router.order(prompt(f"tale {number}"))[0] for number in range(400))
        self.assertEqual(set(first), set(ADDRESSES))
        self.assertGreater(min(first.values()), 50)

    def test_a_replica_that_goes_moves_its_own_prompts_alone(self) -> None:
        more, fewer = PrefixAware(ADDRESSES), PrefixAware(ADDRESSES[:-1])
        for number in range(100):
            order = more.order(prompt(f"tale {number}"))
            order.remove(ADDRESSES[-1])
            self.assertEqual(order, fewer.order(prompt(f"tale {number}")))

    def test_ids_salts_and_other_requests(self) -> None:
        ids = list(range(100))
        request = pb.GenerateRequest(token_ids=pb.TokenIds(ids=ids))
        self.assertEqual(prefix_of(request),
                         prefix_of(pb.GenerateRequest(token_ids=pb.TokenIds(ids=ids[:64] + [5]))))
        self.assertNotEqual(prefix_of(request), prefix_of(pb.GenerateRequest(
            token_ids=pb.TokenIds(ids=ids), cache=pb.CacheOptions(salt="mine"))))
        text = pb.Input(text="tale")
        self.assertEqual(prefix_of(prompt("tale")), prefix_of(pb.EmbedRequest(inputs=[text])))
        self.assertEqual(prefix_of(prompt("tale")),
                         prefix_of(pb.ScoreRequest(items=[pb.ScoreRequest.Item(prompt=text)])))
        self.assertEqual(prefix_of(pb.GetModelRequest()), b"")


class ReplicasTest(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 0.0
        self.replicas = Replicas(ADDRESSES, lambda: self.now)

    def avoided(self) -> float:
        """For how long a:1 is, if it is the only one."""
        _, at = self.replicas.pick(["a:1"], ())
        return at - self.now

    def test_a_replica_that_fails_is_avoided_twice_as_long_each_time(self) -> None:
        longest = 0.1
        for _ in range(12):
            self.replicas.failed("a:1")
            self.assertTrue(longest / 2 <= self.avoided() <= longest, self.avoided())
            self.assertEqual(self.replicas.pick(ADDRESSES, ())[0], "b:1")
            longest = min(10, longest * 2)

    def test_a_replica_that_answers_is_asked_again(self) -> None:
        self.replicas.failed("a:1")
        self.replicas.answered("a:1")
        self.assertEqual(self.replicas.pick(ADDRESSES, ()), ("a:1", 0))

    def test_a_full_replica_is_left_alone_although_it_answers_others(self) -> None:
        self.replicas.full("a:1", 3)
        self.replicas.answered("a:1")
        self.assertEqual(self.avoided(), 3)
        self.assertEqual(self.replicas.pick(ADDRESSES, ["b:1"])[0], "c:1")
        self.assertIsNone(self.replicas.pick(ADDRESSES, ADDRESSES))


class BoundedReplicasTest(unittest.TestCase):
    def setUp(self) -> None:
        self.replicas = Replicas(ADDRESSES, lambda: 0.0, is_bounded=True)

    def begin(self, calls: int, *excluded: str) -> List[str]:
        went = []
        for _ in range(calls):
            went.append(self.replicas.pick(ADDRESSES, excluded)[0])
            self.replicas.began(went[-1])
        return went

    def test_the_ninth_call_goes_to_the_next(self) -> None:
        self.assertEqual(self.begin(17), ["a:1"] * 8 + ["b:1"] * 8 + ["c:1"])
        self.replicas.ended("a:1")
        self.assertEqual(self.begin(2), ["a:1", "c:1"])

    def test_a_busy_fleet_allows_more_calls_on_each(self) -> None:
        replicas = self.replicas = Replicas(ADDRESSES[:2], lambda: 0.0, is_bounded=True)
        for address in ["a:1"] * 8 + ["b:1"] * 4:
            replicas.began(address)
        picked = []
        for _ in range(2):  # ceil(1.25 * 13 / 2) = 9, as for 14
            picked.append(replicas.pick(ADDRESSES[:2], ())[0])
            replicas.began(picked[-1])
        self.assertEqual(picked, ["a:1", "b:1"])

    def test_a_failed_replica_stays_behind_a_busy_one(self) -> None:
        self.begin(8)
        for address in ADDRESSES[1:]:
            self.replicas.failed(address)
        self.assertEqual(self.begin(1), ["a:1"])

    def test_turns_are_taken_whatever_is_open(self) -> None:
        self.replicas = Replicas(ADDRESSES, lambda: 0.0)
        self.assertEqual(self.begin(20), ["a:1"] * 20)


if __name__ == "__main__":
    unittest.main()
