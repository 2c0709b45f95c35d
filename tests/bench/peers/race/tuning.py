# SPDX-License-Identifier: Apache-2.0
"""Chooses each peer's best setting for each cell, once for a machine.

Settings run with shortened cells of the smallest model; the fastest of a cell is what races, for
every model. A setting that fails is out of it.
"""

from collections.abc import Mapping, Sequence

from race.cells import CELLS, Cell
from race.contender import Contender, Setting
from race.entrants import NotRun
from race.models import Model
from race.process import Failed, say
from race.records import Records

SAMPLES = 2
Chosen = Mapping[str, Setting]  # by the cell's name


class Tuning:
    def __init__(self, model: Model, records: Records, not_run: NotRun) -> None:
        self._model = model
        self._records = records
        self._not_run = not_run

    def choose(self, peer: Contender, weights: str, threads: int, cells: Sequence[Cell]) -> Chosen:
        """The best setting of each cell; no cell if the peer cannot run these weights at all."""
        settings = peer.settings(weights)
        if not settings:
            self._not_run.add(f"{peer.name}, {weights}", peer.why_not(weights))
            return {}
        if len(settings) == 1:
            return {cell.name: settings[0] for cell in cells}
        rates = {setting.name: self._rates(peer, setting, threads) for setting in settings}
        chosen = {}
        for cell in cells:
            able = [setting for setting in settings if cell.name in rates[setting.name]]
            if able:
                chosen[cell.name] = max(able, key=lambda each: rates[each.name][cell.name])
        return chosen

    def _rates(self, peer: Contender, setting: Setting, threads: int) -> Mapping[str, float]:
        """Of every cell, so that it need not be asked again for another choice of cells."""

        def measure() -> dict[str, object]:
            say(f"choosing: {peer.name}, {setting.name}, threads: {threads}")
            cells = [cell.shortened() for cell in CELLS.values()]
            try:
                peer.prepare(self._model, setting)
                samples = peer.measure(self._model, setting, threads, cells, SAMPLES)
            except Failed as error:
                return {"rates": {}, "error": str(error)}
            return {"rates": {name: max(values) for name, values in samples.items()}}

        record = self._records.once(
            measure,
            kind="tuning",
            model=self._model.name,
            peer=peer.name,
            setting=setting.name,
            threads=threads,
        )
        if "error" in record:
            what = f"{peer.name}, {setting.name}, threads: {threads}"
            self._not_run.add(what, f"not among its settings here: {record['error']}")
        return record["rates"]  # type: ignore[return-value]
