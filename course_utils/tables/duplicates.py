"""Rows that say what another row of the table says already."""

import re
from collections.abc import Hashable
from datetime import timedelta

import pandas as pd


def is_worse_copy(frame: pd.DataFrame) -> pd.Series:
    """Return a mask of the rows that equal another but for spaces and capitals, and are worse.

    Of rows that say the same, the best written one stays: capitals and small letters rather than
    one of them alone, then fewer spaces that don't belong; then the first. The copy may stand
    above its original.

    Args:
        frame: All cells count, so rows of different keys are never copies.
    """
    plain = frame.map(lambda cell: " ".join(str(cell).split()).casefold())
    is_copy = plain.duplicated(keep=False)
    groups = pd.Series(list(plain[is_copy].itertuples(index=False, name=None)), dtype=object)
    groups.index = frame.index[is_copy]
    best: dict[Hashable, tuple] = {}
    for position, (row, group) in enumerate(groups.items()):
        rank = (*_faults(frame.loc[row]), position, row)
        best[group] = min(best.get(group, rank), rank)
    kept = {rank[-1] for rank in best.values()}
    return is_copy & ~frame.index.isin(kept)


def _faults(row: pd.Series) -> tuple[int, int]:
    """Return how badly a row's texts are capitalised, and how many spaces don't belong."""
    texts = [cell for cell in row if isinstance(cell, str)]
    # Many people write in small letters; all in capitals is nearly always a system's doing.
    capitals = sum(2 * text.isupper() + text.islower() for text in texts)
    spaces = sum(
        len(text) - len(text.strip()) + sum(len(run) - 1 for run in re.findall("  +", text.strip()))
        for text in texts
    )
    return capitals, spaces


def is_sent_twice(
    frame: pd.DataFrame, *, sender: str, text: str, sent_at: str, within_minutes: int = 3
) -> pd.Series:
    """Return a mask of the rows that repeat a text that the same sender has just sent.

    The texts are the same if one begins as the other, punctuation and capitals aside: people add
    a "thx" when they click again.

    Args:
        frame: Rows of one channel, with times that are parsed already.
        sender: The column that says who sent it; all empty cells are one unknown sender.
        text: The column of texts.
        sent_at: The column of times, as ISO text or times.
        within_minutes: Longest time between the first and its repetition.
    """
    times = pd.to_datetime(frame[sent_at], format="ISO8601", errors="coerce")
    words = frame[text].str.casefold().str.replace(r"\W+", " ", regex=True).str.strip()
    seen: dict[Hashable, list[tuple]] = {}
    repeated = pd.Series(False, index=frame.index)
    # A stable sort keeps the file's order where two times agree.
    for row in times.dropna().sort_values(kind="stable").index:
        earlier = seen.setdefault(frame.at[row, sender], [])
        earlier[:] = [
            (time, said)
            for time, said in earlier
            if times[row] - time <= timedelta(minutes=within_minutes)
        ]
        repeated[row] = any(_begins_alike(words[row], said) for _, said in earlier)
        if not repeated[row]:
            earlier.append((times[row], words[row]))
    return repeated


def _begins_alike(text: str, other: str) -> bool:
    shorter, longer = sorted((text, other), key=len)
    return bool(shorter) and f"{longer} ".startswith(f"{shorter} ")
