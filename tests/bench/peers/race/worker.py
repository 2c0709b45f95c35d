# SPDX-License-Identifier: Apache-2.0
"""The process in which a Python engine is measured: prints one JSON object a cell.

python -m race.worker JOB, a JSON object: see worker_process.py, which starts it.
"""

import importlib
import json
import sys
from pathlib import Path

import numpy as np

from race.cells import Cell
from race.engine import Engine, EngineSpec, rate
from race.models import SHAPES


def main() -> None:
    job = json.loads(sys.argv[1])
    spec = EngineSpec(
        Path(job["folder"]), SHAPES[job["shape"]], job["format"], job["options"], job["threads"]
    )
    engine: Engine = importlib.import_module(job["module"]).load(spec)
    if "prompt" in job:
        tokens = np.array([int(word) for word in Path(job["prompt"]).read_text().split()])
        np.asarray(engine.logits(tokens), "<f4").tofile(job["logits"])
        return
    for cell in (Cell(**fields) for fields in job["cells"]):
        engine.warm_up(cell)
        samples = [rate(engine, cell) for _ in range(job["samples"])]
        print(json.dumps({"cell": cell.name, "samples": samples}), flush=True)


if __name__ == "__main__":
    main()
