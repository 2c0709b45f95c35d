# SPDX-License-Identifier: Apache-2.0
"""Properties of the simulation that hold whatever the measured times are. Needs no package."""

import collections
import unittest

from prefix_cache import PrefixCache
from routing import Cluster, ROUTINGS, cells, full_rate, parse, percentile, service_of, traffic_of
from routings import CacheAware, Fleet, Rendezvous, RendezvousBounded, Thresholds, fnv1a, mix
from traffic import Request, make_requests

SMALL = ["--replicas=8", "--requests=60", "--kv_tokens=8192"]


def run(*flags):
    """Each routing's figures."""
    return {cell.pop("routing"): cell for cell in cells(parse([*SMALL, *flags]))}


def request(prompt, answer=1, arrival=0.0, number=0, **fields):
    return Request(number, arrival, fields.pop("group", None), fields.pop("prefix", 0), prompt, answer,
                   fields.pop("beginning", number))


class FiguresTest(unittest.TestCase):
    def test_the_same_seed_gives_the_same_figures(self):
        self.assertEqual(run("--seed=3"), run("--seed=3"))
        self.assertNotEqual(run("--seed=3"), run("--seed=4"))

    def test_with_one_replica_all_routings_agree_to_the_bit(self):
        figures = run("--replicas=1", "--requests=500", "--load=1.1")
        self.assertEqual(set(figures), set(ROUTINGS))
        for name in ROUTINGS:
            self.assertEqual(figures[name], figures["round-robin"], name)

    def test_without_shared_prefixes_nothing_is_cached(self):
        for name, cell in run("--groups=0").items():
            self.assertEqual(cell["cached_share"], 0, name)

    def test_a_prefix_that_fills_no_block_is_not_cached(self):
        for name, cell in run("--prefix_tokens=15").items():
            self.assertEqual(cell["cached_share"], 0, name)

    def test_routing_by_prefix_caches_more_than_taking_turns(self):
        for seed in range(3):
            figures = run(f"--seed={seed}")
            self.assertGreater(figures["cache-aware"]["cached_share"],
                               1.1 * figures["round-robin"]["cached_share"], seed)
            self.assertGreater(figures["rendezvous"]["cached_share"],
                               1.1 * figures["round-robin"]["cached_share"], seed)

    def test_no_more_is_cached_than_the_prefixes(self):
        # Of every prompt at least 1 / (1 + 3) is its own.
        for name, cell in run("--prefix_tokens=192", "--suffix_tokens=64").items():
            self.assertLess(cell["cached_share"], 0.75, name)
            self.assertGreater(cell["cached_share"], 0.1, name)

    def test_a_prefix_shorter_than_what_the_client_hashes_is_not_brought_together(self):
        short = run("--groups=1", "--load=0.1", "--prefix_tokens=63")
        long = run("--groups=1", "--load=0.1", "--prefix_tokens=64")
        self.assertLess(short["rendezvous"]["busiest_over_mean"], 2)
        self.assertEqual(long["rendezvous"]["busiest_over_mean"], 8)

    def test_rendezvous_overloads_the_replica_of_a_popular_prefix_and_the_others_do_not(self):
        figures = run("--groups=1", "--load=1")
        for name, most in (("round-robin", 1.5), ("cache-aware", 1.5), ("rendezvous-bounded", 3)):
            self.assertLess(figures[name]["busiest_over_mean"], most, name)
            self.assertLess(3 * figures[name]["first_token_p50_s"], figures["rendezvous"]["first_token_p50_s"], name)

    def test_requests_beyond_what_replicas_take_are_refused(self):
        figures = run("--load=50", "--max_running=4", "--max_queued=2")
        for name, cell in figures.items():
            self.assertGreater(cell["refused_share"], 0.5, name)
        self.assertEqual(run("--load=0.1")["round-robin"]["refused_share"], 0)


class ReplicaTest(unittest.TestCase):
    def setUp(self):
        self.service = service_of(parse(["--prefill_tokens_per_s=1000", "--step_ms=10", "--stream_ms=1"]))

    def serve(self, *requests):
        cluster = Cluster(1, self.service)
        self.assertEqual(cluster.run(requests, collections.namedtuple("One", "order")(lambda _: iter([0]))),
                         [len(requests)])
        self.assertEqual(cluster.fleet.in_flight, 0)
        return cluster

    def test_one_prompt_takes_its_chunks(self):
        alone = request(400)  # 256 and 144 rows
        self.serve(alone)
        self.assertAlmostEqual(alone.first_token_s, 2 * 0.010 + 0.400)

    def test_a_prompt_waits_for_the_step_that_it_falls_into(self):
        first = request(100, answer=50)
        second = request(20, number=1, arrival=0.110 + 0.025)  # in the third step of 11 ms
        self.serve(first, second)
        self.assertAlmostEqual(second.first_token_s, 0.110 + 3 * 0.011 + (0.011 + 0.020) - 0.135)

    def test_the_older_prompt_comes_first(self):
        first, second = request(300), request(300, number=1)
        self.serve(first, second)
        self.assertLess(first.first_token_s, second.first_token_s)
        self.assertAlmostEqual(second.first_token_s, 3 * 0.010 + 0.600)

    def test_a_prefix_is_computed_once(self):
        first = request(100, group=0, prefix=90)
        second = request(100, group=0, prefix=90, number=1, arrival=10.0)
        self.serve(first, second)
        self.assertEqual((first.cached, second.cached), (0, 80))
        self.assertAlmostEqual(second.first_token_s, 0.010 + 0.020)

    def test_simultaneous_requests_cannot_share_what_is_not_computed(self):
        other = request(100)  # both wait for its step, and start together
        first, second = (request(100, group=0, prefix=90, number=i, arrival=0.05) for i in (1, 2))
        third = request(100, group=0, prefix=90, number=3, arrival=1.0)
        self.serve(other, first, second, third)
        self.assertEqual([first.cached, second.cached, third.cached], [0, 0, 80])


class PrefixCacheTest(unittest.TestCase):
    def setUp(self):
        self.changes = []
        self.cache = PrefixCache(10, lambda *change: self.changes.append(change))

    def compute(self, group, prefix, total):
        lease = self.cache.start(group, total)
        self.cache.publish(lease, prefix)
        self.cache.end(lease, request=0, tail=total - prefix)
        return lease.cached

    def test_the_least_recently_used_goes_first_and_its_end_before_its_beginning(self):
        self.compute(1, 4, 4)
        self.compute(2, 4, 4)
        self.assertEqual(self.compute(1, 4, 4), 4)
        self.changes.clear()
        self.compute(3, 5, 5)
        self.assertEqual(self.changes, [(2, 1), (3, 5)])

    def test_what_is_held_is_not_evicted(self):
        lease = self.cache.start(1, 8)
        self.cache.publish(lease, 6)
        self.assertIsNone(self.cache.start(2, 3))
        self.assertIsNotNone(self.cache.start(2, 2))

    def test_the_tail_of_a_request_goes_before_its_prefix(self):
        self.compute(1, 4, 10)
        self.changes.clear()
        self.compute(2, 6, 6)
        self.assertEqual(self.changes, [(2, 6)])


class CacheAwareTest(unittest.TestCase):
    def choose(self, loads, cached, prompt=160, **thresholds):
        fleet = Fleet(len(loads))
        for replica, load in enumerate(loads):
            fleet.add(replica, load)
        for replica, blocks in cached.items():
            fleet.on_cache_change(replica, 0, blocks)
        limits = {"cache_threshold": 0.5, "balance_abs_threshold": 64, "balance_rel_threshold": 1.5,
                  **thresholds}
        return next(CacheAware(fleet, Thresholds(**limits), 0).order(request(prompt, group=0)))

    def test_the_longest_prefix_wins_though_another_is_idle(self):
        self.assertEqual(self.choose([3, 2, 0], {0: 8, 1: 6}), 0)

    def test_the_least_loaded_of_equal_holders_wins(self):
        self.assertEqual(self.choose([3, 2, 0], {0: 8, 1: 8}), 1)

    def test_below_the_cache_threshold_the_least_loaded_wins(self):
        self.assertEqual(self.choose([3, 2, 0], {0: 4}), 2)
        self.assertEqual(self.choose([3, 2, 0], {0: 5}), 0)

    def test_a_holder_above_both_margins_is_passed_over(self):
        self.assertEqual(self.choose([7, 0, 1], {0: 8}), 1)  # mean 2.7, limit 6.7
        self.assertEqual(self.choose([6, 0, 2], {0: 8}), 0)
        self.assertEqual(self.choose([7, 0, 1], {0: 8}, balance_rel_threshold=3), 0)
        self.assertEqual(self.choose([6, 0, 2], {0: 8}, balance_abs_threshold=1), 1)


class RendezvousTest(unittest.TestCase):
    def test_the_hashes_are_the_published_ones(self):
        self.assertEqual((fnv1a(b""), fnv1a(b"a")), (0xCBF29CE484222325, 0xAF63DC4C8601EC8C))
        self.assertEqual((mix(0), mix(1)), (0, 0xB456BCFC34C2CB2C))

    def test_a_new_replica_moves_its_own_share_alone(self):
        before, after = Rendezvous(Fleet(9)), Rendezvous(Fleet(10))
        moved = 0
        for one in make_requests(traffic_of(parse(["--groups=0"]), 1), 1000, 1.0, 0):
            old, new = next(before.order(one)), next(after.order(one))
            self.assertIn(new, (old, 9))
            moved += new != old
        self.assertAlmostEqual(moved, 100, delta=40)

    def test_the_order_has_every_replica_once(self):
        self.assertEqual(sorted(Rendezvous(Fleet(20)).order(request(100))), list(range(20)))


class RendezvousBoundedTest(unittest.TestCase):
    def test_a_replica_above_the_bound_comes_last(self):
        fleet = Fleet(4)
        one = request(100)
        order = list(Rendezvous(fleet).order(one))
        bounded = RendezvousBounded(fleet)
        fleet.add(order[0], 7)
        self.assertEqual(list(bounded.order(one)), order)
        fleet.add(order[0], 1)
        self.assertEqual(list(bounded.order(one)), order[1:] + order[:1])
        for replica, load in zip(order[1:], (8, 8, 4)):  # ceil(1.25 * 29 / 4) = 10
            fleet.add(replica, load)
        self.assertEqual(list(bounded.order(one)), order)


class MeasuresTest(unittest.TestCase):
    def test_percentiles_are_nearest_ranks(self):
        self.assertEqual([percentile(range(1, 101), p) for p in (50, 90, 99)], [50, 90, 99])
        self.assertEqual(percentile([7], 99), 7)

    def test_at_less_than_the_full_rate_queues_do_not_grow(self):
        below, above = (run("--groups=0", "--requests=400", f"--load={load}")["round-robin"] for load in (0.6, 1.5))
        self.assertLess(10 * below["first_token_p50_s"], above["first_token_p50_s"])

    def test_the_full_rate_is_that_of_full_batches(self):
        options = parse(["--prefix_tokens=90", "--suffix_tokens=10", "--answer_tokens=10",
                         "--prefill_tokens_per_s=1000", "--step_ms=64", "--stream_ms=1"])
        self.assertAlmostEqual(full_rate(service_of(options), traffic_of(options, 1)), 1 / (0.100 + 10 * 0.002))


if __name__ == "__main__":
    unittest.main()
