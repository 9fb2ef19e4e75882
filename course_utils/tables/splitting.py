"""Split rows into parts that share no text, and count what another split would leak.

A message that stands in the export twice, with another greeting, makes a test score too high
when one copy trains and the other tests. So near-copies become a group first, and a group goes
into one part whole.
"""

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

WORD = re.compile(r"[^\W_]+")


def group_by_shared_text(
    texts: Sequence[str], *, words: int = 4, max_share: int = 5, min_overlap: float = 0.5
) -> np.ndarray:
    """Number the texts so that near-copies have the same number.

    Each text becomes the set of its runs of `words` words (shingles), without case and
    punctuation. Two texts belong together when the shorter one shares at least `min_overlap` of
    its runs with the other (containment, Broder 1997), and so do the texts that a chain of such
    pairs connects. One shared run isn't enough: people write the same half sentence about
    different things, and a chain of those soon joins everything.

    Texts of fewer than `words` words, and texts that are the same but for case and punctuation,
    are grouped with their equals only by that.

    Args:
        texts: n texts, such as a column of messages.
        words: Words in a run.
        max_share: A run that more different texts share is boilerplate, such as a greeting, and
            doesn't count. Raise it where one text comes back in more variants than this.
        min_overlap: The share of the shorter text's counting runs, above 0 and up to 1. Lower
            joins more: fewer copies are missed, more strangers are joined.

    Returns:
        Group numbers from 0 in the order of first appearance, shape (n,).

    Raises:
        ValueError: A text is missing, or an option is out of its range.
    """
    _check_options(words, max_share, min_overlap)
    keys = [_words(text, place) for place, text in enumerate(texts)]
    if not keys:
        return np.zeros(0, dtype=np.int64)
    # Equal texts count once, so that ten copies don't turn a message into boilerplate.
    numbers: dict[tuple[str, ...], int] = {}
    distinct = np.array([numbers.setdefault(key, len(numbers)) for key in keys])
    shared = _shared_runs(list(numbers), words, max_share)
    runs = shared.diagonal()
    pairs = sparse.triu(shared, k=1).tocoo()
    near = pairs.data >= min_overlap * np.minimum(runs[pairs.row], runs[pairs.col])
    edges = sparse.coo_matrix(
        (np.ones(near.sum()), (pairs.row[near], pairs.col[near])), shape=shared.shape
    )
    _, component = connected_components(edges, directed=False)
    return pd.factorize(component[distinct])[0].astype(np.int64)


def split_by_group(
    frame: pd.DataFrame,
    groups: Sequence[int] | np.ndarray | pd.Series,
    *,
    shares: Mapping[str, float],
    seed: int = 0,
    stratify: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Split the rows into named parts; no group stands in two of them.

    The groups are shuffled and dealt out one by one to the part that still lacks the most rows,
    so the shares are met up to about the size of a group.

    Args:
        frame: n rows.
        groups: The group of each row, shape (n,), as `group_by_shared_text` returns.
        shares: Each part's share of the rows, such as `{"train": 0.8, "test": 0.2}`.
        seed: Another seed deals the groups out differently.
        stratify: A column of labels whose mix should be about the same in each part. A group
            counts under its most common label.

    Returns:
        The parts in the order of `shares`; each keeps the frame's order and index.

    Raises:
        ValueError: The shares don't add to 1, there is not one group for each row, there are
            fewer groups than parts, or the column isn't there.
    """
    _check_split(frame, groups, shares, stratify)
    codes, names = pd.factorize(np.asarray(groups))
    if len(names) < len(shares):
        raise ValueError(
            f"{len(names)} groups can't fill {len(shares)} parts; ask for fewer parts, or group "
            "less with a higher min_overlap"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    strata = np.zeros(len(names), dtype=int)
    if stratify is not None:
        strata = _most_common_labels(codes, frame[stratify])
        order = order[np.argsort(strata[order], kind="stable")]
    part_of_group = _deal(order, np.bincount(codes), strata, np.array([*shares.values()]))
    part_of_row = part_of_group[codes]
    return {name: frame[part_of_row == number] for number, name in enumerate(shares)}


def count_leaks(parts: Mapping[str, pd.DataFrame], groups: pd.Series) -> pd.DataFrame:
    """Count in each held-out part the rows whose group also stands in the training part.

    Args:
        parts: The training part first, then the held-out ones.
        groups: The group of each row, indexed like the frame that was split.

    Returns:
        One row for each held-out part: `part`, its `rows`, how many are `leaked`, and their
        `share` (missing for a part without rows).

    Raises:
        ValueError: There is no held-out part, `groups` repeats an index label, or a part has a
            row that `groups` doesn't know.
    """
    if len(parts) < 2:
        raise ValueError(f"{len(parts)} part in parts; give the training part and a held-out one")
    if not groups.index.is_unique:
        repeated = groups.index[groups.index.duplicated()].tolist()[0]
        raise ValueError(
            f"groups has the index label {repeated!r} twice; split a frame with a unique index "
            "(frame.reset_index(drop=True)) and index groups like it"
        )
    for name, part in parts.items():
        unknown = part.index.difference(groups.index).tolist()
        if unknown:
            raise ValueError(
                f"part {name!r} has the row {unknown[0]!r}, which groups doesn't know; index "
                "groups like the frame that was split: pd.Series(groups, index=frame.index)"
            )
    first, *held_out = parts
    trained = set(groups[parts[first].index])
    leaked = [int(groups[parts[name].index].isin(trained).sum()) for name in held_out]
    rows = [len(parts[name]) for name in held_out]
    report = pd.DataFrame({"part": held_out, "rows": rows, "leaked": leaked})
    report["share"] = report["leaked"] / report["rows"]
    return report


def _check_options(words: int, max_share: int, min_overlap: float) -> None:
    if words < 1:
        raise ValueError(f"words={words}: a run has at least one word")
    if max_share < 2:
        raise ValueError(f"max_share={max_share}: two texts share a run; use 2 or more")
    if not 0 < min_overlap <= 1:
        raise ValueError(f"min_overlap={min_overlap} is no share; use more than 0 and at most 1")


def _words(text: str, place: int) -> tuple[str, ...]:
    if not isinstance(text, str):
        raise ValueError(
            f"texts[{place}] is {text!r}, not a text; drop the row, or fill the cell with ''"
        )
    # A text without any word, such as "?!", is compared as it is.
    return tuple(WORD.findall(text.casefold())) or (text.strip(),)


def _shared_runs(texts: list[tuple[str, ...]], words: int, max_share: int) -> sparse.csr_matrix:
    """Return how many counting runs each two texts share, shape (n, n); its own on the diagonal."""
    numbers: dict[tuple[str, ...], int] = {}
    rows, columns = [], []
    for row, text in enumerate(texts):
        starts = range(len(text) - words + 1)
        for run in {text[start : start + words] for start in starts}:
            rows.append(row)
            columns.append(numbers.setdefault(run, len(numbers)))
    ones = np.ones(len(rows), dtype=np.int32)
    holds = sparse.csr_matrix((ones, (rows, columns)), shape=(len(texts), len(numbers)))
    counting = np.asarray(holds.sum(axis=0)).ravel() <= max_share
    holds = holds[:, counting]
    return holds @ holds.T


def _check_split(
    frame: pd.DataFrame,
    groups: Sequence[int] | np.ndarray | pd.Series,
    shares: Mapping[str, float],
    stratify: str | None,
) -> None:
    if len(groups) != len(frame):
        raise ValueError(f"{len(groups)} groups for {len(frame)} rows; give one for each row")
    if isinstance(groups, pd.Series) and not groups.index.equals(frame.index):
        raise ValueError(
            "groups has another index than frame, so its values may belong to other rows; make "
            "it with pd.Series(groups, index=frame.index)"
        )
    if pd.isna(np.asarray(groups)).any():
        place = int(np.argmax(pd.isna(np.asarray(groups))))
        raise ValueError(f"groups[{place}] is missing; give each row a group")
    if min(shares.values(), default=0) <= 0 or not math.isclose(sum(shares.values()), 1):
        raise ValueError(
            f"shares {dict(shares)} add to {sum(shares.values()):g}; give shares above 0 that "
            "add to 1"
        )
    if stratify is not None and stratify not in frame.columns:
        there = ", ".join(map(str, frame.columns))
        raise ValueError(f"stratify={stratify!r} is no column of frame; there are {there}")


def _most_common_labels(codes: np.ndarray, labels: pd.Series) -> np.ndarray:
    """Return for each group the number of its most common label, the earliest of equals."""
    numbers, names = pd.factorize(labels, use_na_sentinel=False)
    counts = np.zeros((codes.max() + 1, len(names)), dtype=int)
    np.add.at(counts, (codes, numbers), 1)
    return counts.argmax(axis=1)


def _deal(
    order: np.ndarray, sizes: np.ndarray, strata: np.ndarray, shares: np.ndarray
) -> np.ndarray:
    """Return the part of each group; `order` holds the groups of a stratum side by side."""
    part_of_group = np.empty(len(sizes), dtype=int)
    stratum_sizes = np.bincount(strata, weights=sizes)
    lacking = np.zeros(len(shares))  # rows; what a stratum leaves over, the next makes good
    empty = np.ones(len(shares), dtype=bool)
    stratum = -1
    for dealt, group in enumerate(order):
        if strata[group] != stratum:
            stratum = strata[group]
            lacking += shares * stratum_sizes[stratum]
        must_fill = len(order) - dealt == empty.sum()  # else a small part could stay empty
        part = int(np.argmax(np.where(empty, lacking, -np.inf) if must_fill else lacking))
        part_of_group[group] = part
        lacking[part] -= sizes[group]
        empty[part] = False
    return part_of_group
