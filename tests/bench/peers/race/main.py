# SPDX-License-Identifier: Apache-2.0
"""The race from end to end."""

import json
import time
from collections.abc import Iterator, Sequence

from race import machine, paths
from race.amx import refuse_amx
from race.cascade import Cascade
from race.cells import CELLS, WEIGHT_CLASSES
from race.contender import Contender
from race.entrants import NotRun, enter
from race.models import Model, make_model
from race.options import Options, parse
from race.plot import plot
from race.process import Failed, say
from race.records import Record, Records
from race.results import Pairing, Result, results
from race.schedule import Leg, Limits, legs_of, race
from race.table import LEGEND, table
from race.tuning import Chosen, Tuning
from race.verify import Verification


class Plan:
    """Who runs what in which setting."""

    def __init__(self, options: Options, peers: Sequence[Contender], not_run: NotRun) -> None:
        self._options = options
        self._peers = peers
        self._not_run = not_run
        self.cascade = Cascade()
        self.cells = [CELLS[name] for name in options.cells]
        self.models = [make_model(name) for name in options.models]
        tuning = Records(
            paths.BUILD / f"settings{options.variant}.jsonl",
            {"kind": "settings", "fingerprint": machine.peers_fingerprint()},
            options.retune,
        )
        self._tuning = Tuning(make_model("gpt2"), tuning, not_run)
        self._chosen: dict[tuple[str, str, int], Chosen] = {}

    def prepare(self) -> None:
        """Chooses settings and converts the models for them."""
        for peer, weights, threads in self._combinations():
            chosen = self._tuning.choose(peer, weights, threads, self.cells)
            self._chosen[peer.name, weights, threads] = self._prepared(peer, chosen)

    def groups(self) -> Iterator[list[Leg]]:
        """Legs that are compared with each other stand together."""
        classes = dict.fromkeys(WEIGHT_CLASSES[weights] for weights in self._options.weights)
        for model in self.models:
            for threads in self._options.threads:
                for class_ in classes:
                    yield list(self._group(model, threads, class_))

    def pairings(self, verification: Verification) -> Iterator[Pairing]:
        for model in self.models:
            for threads in self._options.threads:
                for weights in self._options.weights:
                    for cell in self.cells:
                        yield from self._pairings(model, threads, weights, cell.name, verification)

    def _combinations(self) -> Iterator[tuple[Contender, str, int]]:
        for peer in self._peers:
            for weights in self._options.weights:
                for threads in self._options.threads:
                    yield peer, weights, threads

    def _prepared(self, peer: Contender, chosen: Chosen) -> Chosen:
        """Those of the chosen whose models could be converted."""
        able = {}
        for cell, setting in chosen.items():
            try:
                for model in self.models:
                    peer.prepare(model, setting)
                able[cell] = setting
            except Failed as error:
                self._not_run.add(f"{peer.name}, {setting.name}", str(error))
        return able

    def _group(self, model: Model, threads: int, class_: str) -> Iterator[Leg]:
        members = [each for each in self._options.weights if WEIGHT_CLASSES[each] == class_]
        for weights in members:
            setting = self.cascade.settings(weights)[0]
            plan = [(cell, setting) for cell in self.cells]
            yield from legs_of(self.cascade, model, threads, plan)
        for peer in self._peers:
            chosen = self._chosen[peer.name, members[0], threads]
            plan = [(cell, chosen[cell.name]) for cell in self.cells if cell.name in chosen]
            yield from legs_of(peer, model, threads, plan)

    def _pairings(
        self, model: Model, threads: int, weights: str, cell: str, verification: Verification
    ) -> Iterator[Pairing]:
        for peer in self._peers:
            setting = self._chosen[peer.name, weights, threads].get(cell)
            if setting is None:
                continue
            check = verification.check(peer, model, weights, setting)
            yield Pairing(
                model=model.name,
                weights=weights,
                threads=threads,
                cell=cell,
                peer=peer.name,
                peer_version=peer.version(),
                peer_setting=setting.name,
                verified=bool(check["verified"]),
                note=str(check["why"]),
            )


def main(description: str) -> None:
    options = parse(description)
    if options.without_amx:
        refuse_amx()
    not_run = NotRun()
    peers = enter(options, not_run)
    plan = Plan(options, peers, not_run)
    plan.prepare()
    if options.prepare:
        return
    plan.cascade.install()
    before = machine.state()
    limits = Limits(time.monotonic() + 60 * options.minutes, options.rounds, options.samples)
    fingerprint: Record = {"kind": "run", "fingerprint": machine.run_fingerprint()}
    records = Records(paths.BUILD / f"race{options.variant}.jsonl", fingerprint, options.fresh)
    pairings = list(plan.pairings(Verification(plan.cascade, records)))
    race(list(plan.groups()), records, limits, not_run)
    found = results(iter(pairings), records)
    if not found:
        raise Failed("nothing was measured: see what was not run, above")
    report(options, plan, found, not_run, before)
    records.add({"kind": "finished"})


def report(
    options: Options, plan: Plan, found: Sequence[Result], not_run: NotRun, before: dict[str, str]
) -> None:
    """The table on standard output; peers.json, its companion and the picture beside it."""
    info = machine.describe()
    version = plan.cascade.version()
    versions = {result.peer: result.peer_version for result in found}
    print(f"{info['cpu']} (model {info['cpu_model']}), {info['cpus']} CPUs: {info['flags']}")
    print(f"Cascade {version}; {'; '.join(f'{peer} {its}' for peer, its in versions.items())}")
    print(f"{before['date']}, load before: {before['load']}, after: {machine.state()['load']}\n")
    print(table(found, list(versions)), f"\n{LEGEND}")
    for note in dict.fromkeys(
        f"{each.peer}, {each.model}, {each.weights}: {each.note}" for each in found if each.note
    ):
        print(f"not verified: {note}")
    for line in not_run.lines():
        print(f"not run: {line}")
    options.output.mkdir(parents=True, exist_ok=True)
    cells = ",\n".join(json.dumps(result.json()) for result in found)
    name = f"peers{options.variant}"
    (options.output / f"{name}.json").write_text(f"[\n{cells}\n]\n", encoding="utf-8")
    rows = [result.json() for result in found]
    about = f"Cascade {version}, {before['date']}, {machine.words(info, options.without_amx)}"
    pictures = plot(rows, about, options.output / f"{name}.png")
    say(f"written: {options.output}/{name}.json and {', '.join(each.name for each in pictures)}")
