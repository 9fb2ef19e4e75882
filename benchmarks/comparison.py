"""A row of the table: the course's figure, what it is held against, their ratio, the goal."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.measuring import Sample

HEAD = ("what", "the course", "against", "its figure", "ratio", "rounds from", "goal", "reached")


@dataclass(frozen=True)
class Comparison:
    """Two figures measured side by side, or one that stands alone."""

    topic: str
    what: str
    unit: str
    ours: Sample
    against: str = ""  # what `other` is; empty if the figure stands alone
    other: Sample | None = None
    less_is_better: bool = False  # seconds and bytes
    goal: float | None = None  # for the ratio
    note: str = ""  # one sentence that the page shows below the table
    why_missed: str = ""  # one sentence, shown where the ratio is below the goal

    @property
    def ratios(self) -> Sample | None:
        """How many times better the course is, for each round."""
        if self.other is None:
            return None
        pairs = zip(self.ours.values, self.other.values, strict=True)
        return Sample(tuple(b / a if self.less_is_better else a / b for a, b in pairs))

    @property
    def reached(self) -> bool | None:
        """Whether the ratio is the goal or better; None without a goal."""
        ratios = self.ratios
        return None if self.goal is None or ratios is None else ratios.median >= self.goal

    def as_json(self) -> dict[str, Any]:
        """Return plain values, the ratio among them."""
        ratios = self.ratios
        plain = asdict(self) | {"ours": list(self.ours.values)}
        plain["other"] = None if self.other is None else list(self.other.values)
        plain["ratio"] = None if ratios is None else round(statistics.median(ratios.values), 4)
        return plain

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> "Comparison":
        """Return what `as_json` described."""
        fields = {name: value for name, value in plain.items() if name != "ratio"}
        fields["ours"] = Sample(tuple(plain["ours"]))
        fields["other"] = None if plain["other"] is None else Sample(tuple(plain["other"]))
        return cls(**fields)

    def cells(self) -> tuple[str, ...]:
        """Return the row's cells, in the order of `HEAD`."""
        ratios = self.ratios
        if ratios is None:
            return (self.what, figure(self.ours, self.unit), *[""] * (len(HEAD) - 2))
        low, high = min(ratios.values), max(ratios.values)
        return (
            self.what,
            figure(self.ours, self.unit),
            self.against,
            figure(self.other, self.unit),
            f"{ratios.median:.2f}",
            f"{low:.2f} to {high:.2f}" if len(ratios.values) > 1 else "one run",
            "" if self.goal is None else f"{self.goal:g}",
            {True: "yes", False: "no", None: ""}[self.reached],
        )


def figure(sample: Sample, unit: str) -> str:
    """Return the median with its unit, to three digits."""
    value = sample.median
    digits = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{digits} {unit}"


def markdown_table(rows: Sequence[Comparison]) -> str:
    """Return the rows as a Markdown table."""
    lines = [HEAD, ("---",) * len(HEAD), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def aligned_table(rows: Sequence[Comparison]) -> str:
    """Return the rows as text in columns, for a terminal."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [map(str.ljust, line, widths) for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in padded)
