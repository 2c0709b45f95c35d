# SPDX-License-Identifier: Apache-2.0
"""What a run has found so far, on disk: a run that was broken off goes on where it was."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

Record = dict[str, object]


class Records:
    """JSON objects, one a line. A file of another fingerprint or of a finished run is put aside."""

    def __init__(self, file: Path, fingerprint: Record, fresh: bool) -> None:
        self._file = file
        self._records = _read(file)
        old = self._records[0] if self._records else {}
        finished = any(record.get("kind") == "finished" for record in self._records)
        if fresh or finished or old != fingerprint:
            if self._records:
                file.rename(_unused(file))
            self._records = []
            self.add(fingerprint)

    def add(self, record: Record) -> None:
        self._records.append(record)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(record) + "\n")

    def find(self, **fields: object) -> Iterator[Record]:
        for record in self._records:
            if all(record.get(name) == value for name, value in fields.items()):
                yield record

    def once(self, make: Callable[[], Record], **fields: object) -> Record:
        """The record of these fields; `make` adds the rest if there is none."""
        for record in self.find(**fields):
            return record
        record = {**fields, **make()}
        self.add(record)
        return record


def _unused(file: Path) -> Path:
    """The first of race.previous-1.jsonl, race.previous-2.jsonl and so on that there is not."""
    names = (file.with_suffix(f".previous-{number}.jsonl") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def _read(file: Path) -> list[Record]:
    if not file.exists():
        return []
    records = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:  # the line at which it was broken off
            continue
    return records
