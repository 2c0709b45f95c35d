# SPDX-License-Identifier: Apache-2.0
"""How evenly a CPU of the server's reads memory: one token of one stream is one read of all weights.

  python3 -m duel.plain_read bytes

reads so many bytes over and over and prints one JSON object of seconds: {"p50": ..., "p99": ...}. Where
a neighbor on the same machine takes memory's bandwidth for a while, this read is held up as a server
is, so a p99 between tokens is to be seen beside it.
"""

import json
import sys
import time
from dataclasses import asdict

from race.process import run

from duel import places
from duel.cells import Times

READS = 400
WEIGHT_BYTES = {"f32": 4.0, "f16": 2.0, "bf16": 2.0, "int8": 1.0, "int4": 0.5625}


def measure_reads(parameters: int, weights: str) -> Times:
    """Pinned to the first CPU, which is one of the server's."""
    size = int(parameters * WEIGHT_BYTES[weights])
    path = f"{places.LOAD}:{places.LOAD.parent / 'peers'}"
    one_thread = {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "duel.plain_read", str(size)]
    return Times(**json.loads(run(command, threads=1, env=one_thread)))


def _read(size: int) -> Times:
    import numpy as np  # here: OPENBLAS_NUM_THREADS has its value in this process only

    numbers = np.ones(size // 4, np.float32)  # written, so that each page is there
    seconds = []
    for _ in range(READS):
        started = time.perf_counter()
        np.dot(numbers, numbers)  # reads once: both operands are the same line of the cache
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    return Times(seconds[READS // 2], seconds[READS * 99 // 100], READS)


if __name__ == "__main__":
    print(json.dumps(asdict(_read(int(sys.argv[1])))))
