# SPDX-License-Identifier: Apache-2.0
"""The results as Markdown, for the terminal and RESULTS.md."""

from collections.abc import Callable, Sequence

from duel.alone import OverloadResult, PrefixResult
from duel.cells import Outcome, Times
from duel.results import Entry

MIB = 1 << 20


def streams_table(entries: Sequence[Entry]) -> str:
    """A line for each load and server; times are p50 / p99 in milliseconds."""
    own = {entry.load: entry for entry in entries if entry.contender == "cascade-server"}
    lines = [
        "| load | server | tokens/s | spread | first token, ms | between tokens, ms "
        "| Cascade's tokens/s over it | client's CPU |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [_line(entry, own.get(entry.load)) for entry in entries]
    return "\n".join(lines)


def _line(entry: Entry, own: Entry | None) -> str:
    if not entry.rounds:
        return f"| {entry.load.name} | {entry.contender} | failed: {entry.why_not[0]} ||||||"
    ratio = "" if own is entry or not own or not own.rounds else _ratio(own, entry)
    cells = (
        entry.load.name,
        entry.contender,
        f"{entry.tokens_per_second:.0f}",
        f"{100 * entry.spread:.0f} %" if len(entry.rounds) > 1 else "",
        _percentiles(entry, lambda each: each.first_token),
        _percentiles(entry, lambda each: each.between_tokens),
        ratio,
        f"{100 * entry.median(lambda each: each.client_cpu):.0f} %",
    )
    return f"| {' | '.join(cells)} |"


def _percentiles(entry: Entry, of: Callable[[Outcome], Times]) -> str:
    p50 = entry.median(lambda each: of(each).p50)
    p99 = entry.median(lambda each: of(each).p99)
    return f"{_ms(p50)} / {_ms(p99)}"


def _ratio(own: Entry, other: Entry) -> str:
    return f"{own.tokens_per_second / other.tokens_per_second:.2f}x"


def settings_list(entries: Sequence[Entry]) -> str:
    lines = dict.fromkeys(
        f"- {entry.load.name}, {entry.contender}: `{entry.setting}`" for entry in entries
    )
    return "\n".join(lines)


def failures(entries: Sequence[Entry]) -> str:
    """What did not go as it should; empty if all did."""
    lines = [
        f"- {entry.load.name}, {entry.contender}: {why}"
        for entry in entries
        for why in entry.why_not
    ]
    for entry in entries:
        failed = sum(outcome.failed for outcome in entry.rounds)
        if failed:
            lines.append(f"- {entry.load.name}, {entry.contender}: {failed} requests failed")
    return "\n".join(lines)


def reads_text(reads: Sequence[Times]) -> str:
    times = " and ".join(f"{_ms(each.p50)} / {_ms(each.p99)} ms" for each in reads)
    return (
        f"A plain read of all weights, as a token of one stream does it, on a CPU of the server: {times}, "
        "before and after the loads."
    )


def prefix_text(result: PrefixResult) -> str:
    return (
        f"A prompt of 808 tokens: first token after {_ms(result.cold)} ms, and after "
        f"{_ms(result.hit)} ms if the prefix cache has its first 800: {result.ratio:.1f} times "
        "sooner (medians)."
    )


def overload_text(result: OverloadResult) -> str:
    codes = ", ".join(f"{count} {code}" for code, count in result.by_code.items())
    resident = " / ".join(
        f"{size / MIB:.0f}"
        for size in (result.resident_before, result.resident_most, result.resident_after)
    )
    share = 100 * result.goodput / result.peak
    return "\n".join(
        (
            f"- capacity, closed loop of 64: {result.capacity:.1f} answers/s, "
            f"{result.peak:.0f} tokens/s",
            f"- offered: {result.rate:.0f} requests/s; ended: {codes}; in {result.seconds:.0f} s "
            "with the answers that were still due",
            f"- goodput: {result.goodput:.0f} tokens/s, {share:.0f} % of the peak",
            f"- refusals: p50 {_ms(result.refusal_p50)} ms, p99 {_ms(result.refusal_p99)} ms, "
            f"most {_ms(result.refusal_max)} ms",
            f"- first token of those accepted: p50 {result.first_token['p50']:.1f} s, "
            f"p99 {result.first_token['p99']:.1f} s",
            f"- resident memory before / most / after: {resident} MiB",
        )
    )


def _ms(seconds: float) -> str:
    milliseconds = 1e3 * seconds
    return f"{milliseconds:.0f}" if milliseconds >= 100 else f"{milliseconds:.2g}"
