# SPDX-License-Identifier: Apache-2.0
"""What has been found, over all rounds."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

from duel.cells import Load, Outcome


@dataclass(frozen=True)
class Entry:
    """One server under one load."""

    contender: str
    setting: str
    load: Load
    rounds: list[Outcome] = field(default_factory=list)
    why_not: list[str] = field(default_factory=list)  # rounds that failed, in words

    def median(self, of: Callable[[Outcome], float]) -> float:
        return statistics.median(of(outcome) for outcome in self.rounds)

    @property
    def tokens_per_second(self) -> float:
        return self.median(lambda outcome: outcome.tokens_per_second)

    @property
    def spread(self) -> float:
        """Of the rounds' tokens per second: from the least to the most, as a part of the median."""
        rates = [outcome.tokens_per_second for outcome in self.rounds]
        return (max(rates) - min(rates)) / statistics.median(rates)

    def json(self) -> dict[str, object]:
        return {
            "cell": self.load.name,
            "contender": self.contender,
            "setting": self.setting,
            "load": self.load.json(),
            "tokens_per_second": _round(self.tokens_per_second),
            "first_token_p50": _round(self.median(lambda each: each.first_token.p50)),
            "first_token_p99": _round(self.median(lambda each: each.first_token.p99)),
            "between_tokens_p50": _round(self.median(lambda each: each.between_tokens.p50)),
            "between_tokens_p99": _round(self.median(lambda each: each.between_tokens.p99)),
            "long_first_token": [_round(x) for each in self.rounds for x in each.long_first_token],
            "answered": sum(each.answered for each in self.rounds),
            "failed": sum(each.failed for each in self.rounds),
            "client_cpu": _round(self.median(lambda each: each.client_cpu)),
            "rounds": [_round(each.tokens_per_second) for each in self.rounds],
        }


def _round(value: float) -> float:
    return float(f"{value:.4g}")
