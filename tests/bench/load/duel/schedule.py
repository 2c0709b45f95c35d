# SPDX-License-Identifier: Apache-2.0
"""Interleaves the servers: each load of each in turn (A B A B), round by round."""

from collections.abc import Sequence
from typing import TypeVar

from race.process import Failed, say

from duel.cells import Load, Outcome
from duel.contender import Contender
from duel.results import Entry

AnyContender = TypeVar("AnyContender", bound=Contender)


def race(pairs: Sequence[tuple[Load, Sequence[Contender]]], rounds: int) -> list[Entry]:
    """Every measurement is a server of its own; the first round is of all loads."""
    entries = [
        (contender, Entry(contender.name, contender.setting(load), load))
        for load, contenders in pairs
        for contender in contenders
    ]
    for number in range(rounds):
        for contender, entry in entries:
            _measure(contender, entry, number)
    return [entry for _, entry in entries]


def choose(candidates: Sequence[AnyContender], load: Load) -> AnyContender:
    """The one with the most tokens per second."""
    rates: dict[int, float] = {}
    for index, candidate in enumerate(candidates):
        try:
            rates[index] = candidate.measure(load).tokens_per_second
            say(f"choosing: {rates[index]:.0f} tokens/s: {candidate.setting(load)}")
        except Failed as error:
            say(f"choosing: {candidate.setting(load)}: {error}")
    if not rates:
        raise Failed(f"no setting of {candidates[0].name} works")
    return candidates[max(rates, key=lambda index: rates[index])]


def _measure(contender: Contender, entry: Entry, number: int) -> None:
    try:
        outcome = contender.measure(entry.load)
    except Failed as error:
        say(f"round {number + 1}, {entry.load.name}, {contender.name}: {error}")
        entry.why_not.append(str(error))
        return
    entry.rounds.append(outcome)
    say(f"round {number + 1}, {entry.load.name}, {contender.name}: {_summary(outcome)}")


def _summary(outcome: Outcome) -> str:
    first, between = outcome.first_token, outcome.between_tokens
    return (
        f"{outcome.tokens_per_second:.0f} tokens/s, "
        f"first token {1e3 * first.p50:.0f}/{1e3 * first.p99:.0f} ms, "
        f"between {1e3 * between.p50:.1f}/{1e3 * between.p99:.1f} ms, "
        f"{outcome.answered} answered, {outcome.failed} failed, "
        f"client's CPU {100 * outcome.client_cpu:.0f} %"
    )
