"""Rows from a JSONL file, with errors that name the line.

`JsonlDataset` reads a row when torch's `DataLoader` asks for it; `load_jsonl` is
`datasets.load_dataset`, which converts the file to Arrow first. `batching` goes on from rows.
"""

import json
import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from torch.utils.data import Dataset

if TYPE_CHECKING:
    import datasets


class JsonlDataset(Dataset[Any]):
    """The rows of a JSONL file by number, each read from the disk when it is asked for.

    Only where each row starts is held in memory, one integer a row, so the file may be larger
    than the memory. Blank lines are no rows. The file must stay as it is while the dataset is
    in use.

    Workers of a `DataLoader` each open the file for themselves: a shared one would have a
    single read position, which they would move under each other.
    """

    def __init__(
        self, path: Path, *, transform: Callable[[dict[str, Any]], Any] | None = None
    ) -> None:
        """Find where the rows start, which reads the file once.

        Args:
            path: A file with one JSON object a line, UTF-8.
            transform: What `dataset[i]` makes of a row, such as tokenizing it; the row itself
                by default. A worker that isn't forked needs a function from a module.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file has no rows.
        """
        self._path = Path(path)
        self._transform = transform
        self._starts = array("Q", (start for _, start, _ in _lines(self._path)))  # in bytes
        self._file: BinaryIO | None = None
        self._opened_by = 0  # process id
        if not self._starts:
            raise ValueError(f"{path}: the file has no rows; write one JSON object a line into it")

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, index: int) -> Any:
        """Return a row, after `transform`; a negative index counts from the end.

        Raises:
            IndexError: There is no such row.
            ValueError: The line isn't a JSON object, or the file has changed.
        """
        if not -len(self) <= index < len(self):
            raise IndexError(f"{self._path}: row {index} of {len(self)} asked for")
        start = self._starts[index]
        if self._file is None or self._opened_by != os.getpid():
            self._file, self._opened_by = self._path.open("rb"), os.getpid()
        self._file.seek(start)
        line = self._file.readline()
        try:
            row = _parse(line)
        except ValueError as error:
            # Line numbers aren't held: counting them is for the rare broken line alone.
            found = (number for number, begin, _ in _lines(self._path) if begin == start)
            number = next(found, None)
            if number is None:
                raise ValueError(
                    f"{self._path}: the file changed while it was in use, no row starts at byte "
                    f"{start} any more; make the dataset again"
                ) from error
            raise _broken(self._path, number, error) from error
        return self._transform(row) if self._transform else row

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_file": None}  # an open file can't be pickled


def load_jsonl(
    data_files: Path | Mapping[str, Path],
    *,
    cache_dir: Path,
    split: str | None = None,
    streaming: bool = False,
) -> "datasets.Dataset | datasets.DatasetDict | datasets.IterableDataset":
    """Return `datasets.load_dataset("json", ...)` of JSONL files that were checked first.

    The library names no line: it counts rows from the start of a block of the file. An empty
    file ends in a bare `StopIteration`, and a file that holds its rows in a list loads as one
    row without a word. The check reads each file once and holds one line in memory.

    Args:
        data_files: A file, which becomes the split "train", or files by split.
        cache_dir: Where the library writes its Arrow files, a bit smaller than the JSONL.
        split: A split or a slice of one, such as "train[:20%]"; all splits by default.
        streaming: Whether to read rows while you iterate instead of converting them first.

    Returns:
        What the library returns: a `Dataset` with `split`, else a `DatasetDict`; their
        `Iterable` kin with `streaming`.

    Raises:
        FileNotFoundError: A file isn't there.
        ValueError: A file has no rows, holds its rows in a list, or a line isn't a JSON object.
    """
    import datasets

    files = {"train": data_files} if isinstance(data_files, str | Path) else data_files
    for path in files.values():
        _check_jsonl(Path(path))
    with _no_download_count():
        return datasets.load_dataset(
            "json",
            data_files={name: str(path) for name, path in files.items()},
            split=split,
            cache_dir=str(cache_dir),
            streaming=streaming,
        )


@contextmanager
def _no_download_count() -> Iterator[None]:
    """Keep `load_dataset` on this machine: even for a local file it asks a server to count it."""
    import datasets

    before = datasets.config.HF_UPDATE_DOWNLOAD_COUNTS
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    try:
        yield
    finally:
        datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = before


def _lines(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield number (from 1), first byte and content of each line that isn't blank."""
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.isspace():
                yield number, start, line
            start += len(line)


def _parse(line: bytes) -> dict[str, Any]:
    row = json.loads(line.rstrip(b"\r\n"))  # else a cut string ends in a "control character"
    if not isinstance(row, dict):
        raise ValueError(f"it holds a {type(row).__name__}, not an object")
    return row


def _broken(path: Path, number: int, error: ValueError) -> ValueError:
    what = str(error)
    if isinstance(error, json.JSONDecodeError):
        # Its own text says "line 1" as well, and some messages end in "at".
        what = f"{error.msg.removesuffix(' at')} at column {error.colno}"
    return ValueError(
        f"{path}, line {number}: not a row of JSONL ({what}); make it one JSON object in UTF-8 "
        "on one line, or remove it"
    )


def _check_jsonl(path: Path) -> None:
    count = 0
    for number, _, line in _lines(path):
        try:
            row = _parse(line)
        except ValueError as error:
            if count == 0:
                _refuse_one_document(path)
            raise _broken(path, number, error) from error
        count += 1
    if count == 0:
        raise ValueError(f"{path}: the file has no rows; write one JSON object a line into it")
    if count == 1:
        _refuse_rows_in_a_field(path, row)


def _refuse_one_document(path: Path) -> None:
    """Raise if a file whose first line isn't a row is one JSON document over several lines."""
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        return  # broken JSON in any reading: the line's own error says more
    if isinstance(document, dict):
        _refuse_rows_in_a_field(path, document)
    raise ValueError(
        f"{path}: the file is one JSON {'list' if isinstance(document, list) else 'document'}, "
        'not JSONL; load_dataset("json", data_files=...) reads a list of rows as it is'
    )


def _refuse_rows_in_a_field(path: Path, document: dict[str, Any]) -> None:
    for name, value in document.items():
        if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
            raise ValueError(
                f"{path}: the file is one row, whose field {name!r} holds {len(value)} rows; use "
                f'load_dataset("json", data_files=..., field="{name}"), without field= if it is '
                "one row after all"
            )
