# SPDX-License-Identifier: Apache-2.0
"""The measurement from end to end."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from race import llama_build, machine
from race.process import say

from duel.alone import OverloadResult, PrefixResult, measure_overload, measure_prefix
from duel.cascade import CascadeServer
from duel.cells import Load, Times
from duel.contender import Contender
from duel.cpus import server_cpus
from duel.llama import SETTINGS, LlamaServer, LlamaSetting
from duel.options import Options, parse
from duel.plain_read import measure_reads
from duel.plot import plot
from duel.results import Entry
from duel.schedule import choose, race
from duel.served_model import ServedModel, make_served_model
from duel.table import (
    failures,
    overload_text,
    prefix_text,
    reads_text,
    settings_list,
    streams_table,
)

CHUNKED = 128  # tokens of a step: Cascade's own default


@dataclass(frozen=True)
class Found:
    entries: list[Entry]
    reads: list[Times]  # of all weights, before and after the loads
    prefix: PrefixResult | None
    overload: OverloadResult | None


def main(description: str) -> None:
    options = parse(description)
    llama_build.build_llama([llama_build.SERVER])
    served = make_served_model(options.model)
    for setting in SETTINGS[_class(options)]:
        served.gguf(setting.format)
    if options.prepare:
        return
    cascade = CascadeServer(served, options.weights)
    version = cascade.version()  # now: the checkout may change while this runs
    before = machine.state()
    pairs = _pairs(options, cascade, served)
    read_before = _reads(options, served)
    entries = race(pairs, options.rounds)
    found = Found(
        entries=entries,
        reads=read_before + _reads(options, served),
        prefix=measure_prefix(cascade) if "prefix" in options.parts else None,
        overload=measure_overload(cascade, options.overload_seconds)
        if "overload" in options.parts
        else None,
    )
    _report(options, version, found, before)


def _reads(options: Options, served: ServedModel) -> list[Times]:
    """Of all weights; nothing where no load asks for tokens."""
    if not {"streams", "long"} & set(options.parts):
        return []
    return [measure_reads(served.parameters, options.weights)]


def _class(options: Options) -> str:
    """llama.cpp's faster 16-bit format races either of Cascade's."""
    return "bf16" if options.weights == "f16" else options.weights


def _pairs(
    options: Options, cascade: CascadeServer, served: ServedModel
) -> list[tuple[Load, Sequence[Contender]]]:
    """Who runs which load. llama-server's setting is chosen for one stream and for 32."""
    settings = SETTINGS[_class(options)]
    pairs: list[tuple[Load, Sequence[Contender]]] = []
    if not {"streams", "long"} & set(options.parts):
        return pairs
    many = _chosen(served, settings, Load(32, 48))
    if "streams" in options.parts:
        for load in options.loads:
            setting = many if load.streams > 1 else _chosen(served, settings, Load(1, 3))
            pairs.append((load, [cascade, LlamaServer(served, setting)]))
    if "long" in options.parts:
        chunked = LlamaServer(served, replace(many, batch=CHUNKED), f"llama-server -b {CHUNKED}")
        pairs.append((options.long_prompts, [cascade, LlamaServer(served, many), chunked]))
    return pairs


def _chosen(served: ServedModel, settings: Sequence[LlamaSetting], load: Load) -> LlamaSetting:
    candidates = [LlamaServer(served, setting) for setting in settings]
    return choose(candidates, load).chosen


def _report(options: Options, version: str, found: Found, before: dict[str, str]) -> None:
    """Markdown on standard output; load.json and the picture in the folder."""
    info = machine.describe()
    print(f"{info['cpu']} (model {info['cpu_model']}), {info['cpus']} CPUs: {info['flags']}")
    print(f"{before['date']}, load before: {before['load']}, after: {machine.state()['load']}")
    print(f"Cascade {version}, llama.cpp {llama_build.llama_version()}")
    print(f"{options.model}, {options.weights}, threads: {len(server_cpus())}\n")
    options.output.mkdir(parents=True, exist_ok=True)
    if found.entries:
        print(f"{streams_table(found.entries)}\n\n{settings_list(found.entries)}\n")
        print(failures(found.entries) or "All requests were answered.")
        print(f"\n{reads_text(found.reads)}")
    if found.prefix:
        print(f"\n{prefix_text(found.prefix)}")
    if found.overload:
        print(f"\n{overload_text(found.overload)}")
    report = {
        "machine": info,
        "state": before,
        "cascade": version,
        "llama.cpp": llama_build.llama_version(),
        "model": options.model,
        "weights": options.weights,
        "threads": len(server_cpus()),
        "loads": [entry.json() for entry in found.entries if entry.rounds],
        "reads": [asdict(each) for each in found.reads],
        "prefix": found.prefix.json() if found.prefix else None,
        "overload": found.overload.json() if found.overload else None,
    }
    text = json.dumps(report, indent=1) + "\n"
    (options.output / "load.json").write_text(text, encoding="utf-8")
    if report["loads"]:
        plot(report, options.output / "load.png")
    say(f"written: {options.output}/load.json and load.png")
