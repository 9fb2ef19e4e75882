"""Rules that clean a table, each named after the defect that it repairs, with a log of it all.

No cell changes and no row goes without a line in the findings: what stood there, what stands
there now, and the rule that did it.
"""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from course_utils.tables import cells as cell_functions

Find = Callable[[pd.DataFrame], pd.Series]
Repair = Callable[[pd.DataFrame], pd.Series] | Literal["blank", "drop", "keep"]
FINDINGS = ("column", "defect", "row", "before", "after", "action")


@dataclass(frozen=True)
class Rule:
    """One kind of defect: how to find it, and what to do about it.

    Raises:
        ValueError: The repair is an unknown word, or changes cells without naming a column.
    """

    column: str  # "" where whole rows are the defect
    defect: str
    find: Find  # the table to a mask of the rows that have the defect
    # the found rows to their new cells, or: blank the cell, drop the row, keep it as it is
    repair: Repair
    why: str  # how it comes about, for who reads the log

    def __post_init__(self) -> None:
        if not callable(self.repair) and self.repair not in ("blank", "drop", "keep"):
            raise ValueError(
                f"rule {self.defect!r}: repair is {self.repair!r}; pass a function, or one of "
                "'blank', 'drop', 'keep'"
            )
        if not self.column and self.repair not in ("drop", "keep"):
            raise ValueError(
                f"rule {self.defect!r} changes cells; name the column, or use repair='drop'"
            )


@dataclass(frozen=True)
class Cleaned:
    """A table after its rules; all indexes are row positions in the raw table, from 0."""

    frame: pd.DataFrame
    findings: pd.DataFrame  # column, defect, row, before, after, action
    set_aside: pd.DataFrame  # dropped rows as they came in, with their `reason`


def rewrite(
    column: str, defect: str, change: Callable[[pd.Series], pd.Series], *, why: str
) -> Rule:
    """Return the rule that a cell has the defect if `change` would change it.

    Args:
        column: The column whose cells are rewritten.
        defect: The rule's name in the log.
        change: Cells to cells, such as `cells.repair_mojibake`; it leaves good cells alone.
        why: How the defect comes about.
    """
    return Rule(
        column,
        defect,
        find=lambda table: cell_functions.differs(table[column], change(table[column])),
        repair=lambda found: change(found[column]),
        why=why,
    )


def clean_table(frame: pd.DataFrame, rules: Sequence[Rule]) -> Cleaned:
    """Apply the rules in their order; each sees what those before it left.

    A blanked cell is "" in a column of texts and None in others.

    Args:
        frame: Raw cells; it isn't changed. Its index is replaced by row positions.
        rules: A missing value in what `find` returns counts as False.

    Raises:
        ValueError: A rule names a column that isn't there, or its functions return something of
            another length or kind.
    """
    raw = frame.reset_index(drop=True)
    # A rule may blank a number or write it as text, so only columns of texts keep their dtype.
    texts = [isinstance(dtype, pd.StringDtype) for dtype in raw.dtypes]
    work = raw.astype({c: object for c, is_text in zip(raw, texts, strict=True) if not is_text})
    findings: list[tuple[Any, ...]] = []
    reasons: dict[int, str] = {}
    for rule in rules:
        _check_column(rule, work)
        rows = work.index[_found(rule, work)]
        if not len(rows):
            continue
        if rule.repair == "drop":
            findings += [(rule.column, rule.defect, row, None, None, "drop") for row in rows]
            reasons |= dict.fromkeys(rows, f"{rule.defect}: {rule.why}")
            work = work.drop(index=rows)
            continue
        before = work.loc[rows, rule.column].tolist() if rule.column else [None] * len(rows)
        after, action = _repaired(rule, work, rows, before)
        if rule.repair != "keep":
            work.loc[rows, rule.column] = after
        findings += [
            (rule.column, rule.defect, row, *cells, action)
            for row, *cells in zip(rows, before, after, strict=True)
        ]
    set_aside = raw.loc[sorted(reasons)]
    set_aside = set_aside.assign(reason=[reasons[row] for row in set_aside.index])
    log = pd.DataFrame(findings, columns=list(FINDINGS), dtype=object)
    return Cleaned(work, log.astype({"row": "int64"}), set_aside)


def _check_column(rule: Rule, frame: pd.DataFrame) -> None:
    if rule.column and rule.column not in frame.columns:
        near = difflib.get_close_matches(rule.column, list(frame.columns), n=1, cutoff=0.0)
        raise ValueError(
            f"rule {rule.defect!r} is for column {rule.column!r}, which the table lacks; "
            f"did you mean {near[0]!r}?"
            if near
            else f"rule {rule.defect!r} is for column {rule.column!r}; the table has no columns"
        )


def _found(rule: Rule, frame: pd.DataFrame) -> pd.Series:
    """Return the rule's mask as plain booleans."""
    name = f"rule {rule.defect!r} of {rule.column or 'rows'}: find"
    mask = rule.find(frame)
    if not isinstance(mask, pd.Series):
        raise ValueError(
            f"{name} returned {type(mask).__name__}; return a Series of True and False, such as "
            "table['stock'] == '9999'"
        )
    if not mask.index.equals(frame.index):
        raise ValueError(
            f"{name} returned {len(mask)} values for {len(frame)} rows, or rows of another index; "
            "return one value a row, in the table's order"
        )
    values = mask.astype(object).where(mask.notna(), False)
    wrong = [value for value in values if not isinstance(value, bool | np.bool_)]
    if wrong:
        raise ValueError(f"{name} returned {wrong[0]!r}; return True or False for each row")
    return values.astype(bool)


def _repaired(
    rule: Rule, frame: pd.DataFrame, rows: pd.Index, before: list[Any]
) -> tuple[list[Any], str]:
    """Return the found rows' new cells, and the log's word for what happened."""
    if rule.repair == "keep":
        return before, "keep"
    holds_text = isinstance(frame[rule.column].dtype, pd.StringDtype)
    if rule.repair == "blank":
        return ["" if holds_text else None] * len(rows), "blank"
    name = f"rule {rule.defect!r} of {rule.column}: repair"
    after = rule.repair(frame.loc[rows])
    if not isinstance(after, pd.Series) or not after.index.equals(rows):
        got = f"{len(after)} cells" if isinstance(after, pd.Series) else type(after).__name__
        raise ValueError(
            f"{name} returned {got} for {len(rows)} found rows; return a Series with one cell for "
            "each row that it is given, in their order"
        )
    after = after.tolist()
    wrong = [cell for cell in after if holds_text and not isinstance(cell, str)]
    if wrong:
        raise ValueError(
            f"{name} returned {wrong[0]!r} ({type(wrong[0]).__name__}) in a column of texts; "
            "return text, and leave the types to to_types"
        )
    return after, "repair"
