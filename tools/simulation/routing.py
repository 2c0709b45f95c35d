#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Simulates how the routing of requests to replicas shapes the time to the first token.

  routing.py
  routing.py --replicas=10,100 --zipf=0.5 --json

Prints, for each number of replicas and each routing, percentiles of the time to the first token and
the share of prompt tokens that prefix caches had. Pure Python, one thread, the same figures for the
same seed.

Assumptions:
  arrivals  Poisson, at --load of what all replicas could do with full batches and without a cache.
  traffic   groups of prompts that share a prefix and have suffixes of their own. Which group is asked
            for follows Zipf's law. Groups share nothing with each other; no prompt is asked twice.
  replica   one worker thread. A step takes a + b * decoding streams + prompt rows / prefill rate,
            at most --step_tokens rows, decoding first, then the oldest prompt. KV cache of 16-token
            blocks, reserved for the whole answer at the start, least recently used evicted first.
            A prefix can be shared as soon as its blocks are computed. Attention's growth with depth
            is in the rates, not modelled. No speculation.
  network   takes no time, and neither does the gateway. There is one gateway, and it knows loads and
            caches at once and exactly; the client library knows neither.
  client    one makes all calls. rendezvous-bounded counts them on each replica, and so knows all loads.
  full      a replica that has max_running + max_queued requests refuses; the request goes to the next
            replica of its order at once (in reality after a pause), and is lost after 8 refusals.
  start     caches are empty at first; --warmup of the requests are left out of the figures.
"""

import argparse
import heapq
import itertools
import json
import math
from typing import Any, Dict, Iterator, List, Optional, Sequence

from prefix_cache import BLOCK_TOKENS, PrefixCache
from replica import Replica, Service
from routings import CacheAware, Fleet, Rendezvous, RendezvousBounded, RoundRobin, Thresholds
from traffic import Lengths, Request, Traffic, make_requests

ROUTINGS = ("round-robin", "cache-aware", "rendezvous", "rendezvous-bounded")
MOST_TRIES = 8  # kMostFailures of client/unbroken_stream.cc

# Defaults of the flags that describe a replica. tests/bench/RESULTS.md has where they come from.
SERVICES = {
    # A real server with the bundled model, f16 weights, one thread.
    "tales-7m": {"prefill_tokens_per_s": 8000.0, "step_ms": 0.5, "stream_ms": 0.31, "kv_tokens": 32768},
    # The model without a server: f32 weights, one thread; 1 GiB of keys and values.
    "gpt2": {"prefill_tokens_per_s": 943.0, "step_ms": 29.4, "stream_ms": 1.1, "kv_tokens": 14560},
}


class Cluster:
    """Replicas, what is known of them, and the events that are to come."""

    def __init__(self, replicas: int, service: Service) -> None:
        self.fleet = Fleet(replicas)
        self._replicas = [self._make(i, service) for i in range(replicas)]
        self._events: List[tuple] = []  # (time, tie-breaker, replica, version)
        self._numbers = itertools.count()

    def _make(self, replica: int, service: Service) -> Replica:
        return Replica(service, PrefixCache(
            service.kv_tokens // BLOCK_TOKENS,
            lambda group, blocks: self.fleet.on_cache_change(replica, group, blocks)))

    def run(self, requests: Sequence[Request], routing: Any) -> List[int]:
        """Serves all requests, whose fields tell the outcome. Returns how many each replica took."""
        taken = [0] * len(self._replicas)
        for request in requests:
            self._run_until(request.arrival)
            for replica in itertools.islice(routing.order(request), MOST_TRIES):
                if self._replicas[replica].has_room():
                    self._submit(replica, request)
                    taken[replica] += 1
                    break
        self._run_until(float("inf"))
        return taken

    def _submit(self, replica: int, request: Request) -> None:
        self.fleet.add(replica, 1)
        self._expect(replica, self._replicas[replica].submit(request.arrival, request))

    def _run_until(self, time: float) -> None:
        while self._events and self._events[0][0] < time:
            now, _, number, version = heapq.heappop(self._events)
            replica = self._replicas[number]
            if version != replica.version:
                continue  # a request came in between
            due = replica.on_step_end(now)
            self.fleet.add(number, -replica.take_finished())
            self._expect(number, due)

    def _expect(self, replica: int, due: Any) -> None:
        if due is not None:
            version = self._replicas[replica].version
            heapq.heappush(self._events, (due, next(self._numbers), replica, version))


def make_routing(name: str, fleet: Fleet, thresholds: Thresholds, seed: int) -> Any:
    if name == "round-robin":
        return RoundRobin(fleet)
    if name == "cache-aware":
        return CacheAware(fleet, thresholds, seed)
    return Rendezvous(fleet) if name == "rendezvous" else RendezvousBounded(fleet)


def full_rate(service: Service, traffic: Traffic) -> float:
    """Requests a second that one replica can do with full batches and without a cache."""
    prompt = (sum(traffic.prefix) + sum(traffic.suffix)) / 2
    token_s = service.stream_s + service.step_s / service.max_running
    return 1 / (prompt / service.prefill_tokens_per_s + sum(traffic.answer) / 2 * token_s)


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The nearest rank."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summarize(requests: Sequence[Request], taken: Sequence[int]) -> Dict[str, Any]:
    times = sorted(one.first_token_s for one in requests if one.first_token_s is not None)
    prompt_tokens = sum(one.prompt for one in requests if one.first_token_s is not None)
    summary: Dict[str, Any] = {f"first_token_p{p}_s": percentile(times, p) if times else None
                               for p in (50, 90, 99)}
    summary["cached_share"] = sum(one.cached for one in requests) / max(1, prompt_tokens)
    summary["refused_share"] = 1 - len(times) / len(requests)
    summary["busiest_over_mean"] = max(taken) * len(taken) / max(1, sum(taken))
    return summary


def simulate(name: str, replicas: int, options: argparse.Namespace) -> Dict[str, Any]:
    """One cell of the table."""
    service, traffic = service_of(options), traffic_of(options, replicas)
    rate = options.load * replicas * full_rate(service, traffic)
    requests = make_requests(traffic, options.requests * replicas, rate, options.seed)
    cluster = Cluster(replicas, service)
    thresholds = Thresholds(options.cache_threshold, options.balance_abs_threshold,
                            options.balance_rel_threshold)
    taken = cluster.run(requests, make_routing(name, cluster.fleet, thresholds, options.seed))
    counted = requests[int(len(requests) * options.warmup):]
    return {"replicas": replicas, "routing": name, "requests_per_s": rate, **summarize(counted, taken)}


def service_of(options: argparse.Namespace) -> Service:
    def value(name: str) -> float:
        own = getattr(options, name)
        return SERVICES[options.service][name] if own is None else own
    return Service(value("prefill_tokens_per_s"), value("step_ms") / 1e3, value("stream_ms") / 1e3,
                   options.step_tokens, options.max_running, options.max_queued, int(value("kv_tokens")))


def traffic_of(options: argparse.Namespace, replicas: int) -> Traffic:
    groups = options.groups if options.groups is not None else options.groups_per_replica * replicas
    return Traffic(groups, options.zipf, options.prefix_tokens, options.suffix_tokens, options.answer_tokens)


def lengths(text: str) -> Lengths:
    """N, or FROM-TO."""
    first, _, last = text.partition("-")
    least, most = int(first), int(last or first)
    if not 0 < least <= most:
        raise argparse.ArgumentTypeError(f"{text}: must be N or FROM-TO, above 0")
    return least, most


def numbers(text: str) -> List[int]:
    return [int(one) for one in text.split(",")]


def parse(arguments: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--replicas", type=numbers, default=[10, 100, 1000], metavar="N,...")
    add("--routings", type=lambda text: text.split(","), default=list(ROUTINGS), metavar="NAME,...")
    add("--requests", type=int, default=400, help="for each replica (400)")
    add("--warmup", type=float, default=0.5, help="share of them that is not counted (0.5)")
    add("--seed", type=int, default=0)
    add("--json", action="store_true", help="print an object for each cell, one a line")
    add("--load", type=float, default=0.7, help="of what the replicas could do without a cache (0.7)")
    add("--groups_per_replica", type=int, default=20, help="prefixes, for each replica (20)")
    add("--groups", type=int, help="prefixes in all, however many replicas")
    add("--zipf", type=float, default=1.0, help="exponent of the prefixes' popularity (1)")
    add("--prefix_tokens", type=lengths, default=(128, 384), help="uniform (128-384)")
    add("--suffix_tokens", type=lengths, default=(16, 64), help="uniform (16-64)")
    add("--answer_tokens", type=lengths, default=(16, 64), help="uniform (16-64)")
    add_service(parser)
    options = parser.parse_args(arguments)
    for name in options.routings:
        if name not in ROUTINGS:
            parser.error(f"--routings: {name} is none of {', '.join(ROUTINGS)}")
    longest = sum(most for _, most in (options.prefix_tokens, options.suffix_tokens, options.answer_tokens))
    if longest > service_of(options).kv_tokens - BLOCK_TOKENS:
        parser.error(f"--kv_tokens: must hold the longest request, {longest} tokens, and a block")
    if options.step_tokens <= options.max_running:
        parser.error("--step_tokens: must be above --max_running")
    return options


def add_service(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--service", choices=SERVICES, default="tales-7m", help="measured times to begin with")
    add("--prefill_tokens_per_s", type=float, help="of one prompt")
    add("--step_ms", type=float, help="a: a decode step takes a + b * streams")
    add("--stream_ms", type=float, help="b")
    add("--kv_tokens", type=int, help="tokens that the KV cache holds")
    add("--step_tokens", type=int, default=256, help="as the server's flag (256)")
    add("--max_running", type=int, default=64, help="as the server's flag (64)")
    add("--max_queued", type=int, default=256, help="as the server's flag (256)")
    add("--cache_threshold", type=float, default=0.3, help="as the gateway's flag (0.3)")
    add("--balance_abs_threshold", type=float, default=64, help="as the gateway's flag (64)")
    add("--balance_rel_threshold", type=float, default=1.5, help="as the gateway's flag (1.5)")


HEAD = """\
| replicas | routing | first token, ms: p50 | p90 | p99 | cached, % | refused, % | busiest / mean |
|---:|---|---:|---:|---:|---:|---:|---:|"""


def row(cell: Dict[str, Any]) -> str:
    def ms(percent: int) -> str:
        seconds = cell[f"first_token_p{percent}_s"]
        return "-" if seconds is None else f"{1e3 * seconds:,.0f}"
    return (f"| {cell['replicas']:,} | {cell['routing']} | {ms(50)} | {ms(90)} | {ms(99)} "
            f"| {100 * cell['cached_share']:.1f} | {100 * cell['refused_share']:.1f} "
            f"| {cell['busiest_over_mean']:.1f} |")


def cells(options: argparse.Namespace) -> Iterator[Dict[str, Any]]:
    for replicas in options.replicas:
        for name in options.routings:
            yield simulate(name, replicas, options)


def main() -> None:
    options = parse()
    if not options.json:
        print(HEAD)
    for cell in cells(options):
        print(json.dumps(cell) if options.json else row(cell), flush=True)


if __name__ == "__main__":
    main()
