# SPDX-License-Identifier: Apache-2.0
"""What is measured: the same cells as model_bench's (tests/bench/README.md)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """`steps` steps of `tokens` tokens each of `streams` sequences that hold `depth` positions."""

    name: str
    streams: int
    tokens: int
    depth: int
    steps: int

    @property
    def positions(self) -> int:
        """The positions of one sequence at the end."""
        return self.depth + self.tokens * self.steps

    def shortened(self) -> "Cell":
        """A quarter of the steps: enough to choose between settings, not to report."""
        return Cell(self.name, self.streams, self.tokens, self.depth, max(1, self.steps // 4))


CELLS = {
    cell.name: cell
    for cell in (
        Cell("prefill512", streams=1, tokens=512, depth=0, steps=1),
        Cell("decode512", streams=1, tokens=1, depth=512, steps=128),
        Cell("streams8", streams=8, tokens=1, depth=64, steps=32),
        Cell("streams32", streams=32, tokens=1, depth=64, steps=16),
    )
}
UNIT = "tokens/s"

# What is fair to compare: Cascade's f16 and bf16 both run against a peer's better 16-bit format.
WEIGHT_CLASSES = {"f32": "f32", "f16": "16 bit", "bf16": "16 bit", "int8": "int8", "int4": "int4"}
