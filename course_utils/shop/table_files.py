"""The messy tables as files: two CSVs and a workbook, the same at every run."""

import csv
import io
import re
import zipfile
from pathlib import Path

import pandas as pd

from course_utils.files import write_bytes, write_text
from course_utils.shop.clean import clean_tables
from course_utils.shop.defects import plant_defects
from course_utils.shop.tables import EXPORTED_AT, Tables

FORMATS = {"ordered_at": "yyyy-mm-dd hh:mm", "joined_at": "yyyy-mm-dd"}
MODIFIED = re.compile(rb"(<dcterms:modified[^>]*>)[^<]*(</dcterms:modified>)")


def write_tables(folder: Path, *, tables: Tables | None = None) -> list[Path]:
    r"""Write `tickets.csv`, `products.csv` and `orders.xlsx` (sheets orders, customers).

    Each file is whole or absent. The CSVs are UTF-8 with commas and "\n"; a message may hold
    line breaks, so a line of the file isn't always a row.

    Args:
        folder: Where the files go; it is made if needed.
        tables: Messy tables, as `defects.plant_defects` returns them; default: the committed ones.
    """
    tables = tables or plant_defects(clean_tables())[0]
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("tickets.csv", "products.csv", "orders.xlsx")]
    write_text(paths[0], csv_text(tables.tickets))
    write_text(paths[1], csv_text(tables.products))
    workbook = workbook_bytes({"orders": tables.orders, "customers": tables.customers})
    write_bytes(paths[2], workbook)
    return paths


def csv_text(frame: pd.DataFrame) -> str:
    """Return cells as CSV; a cell is quoted only where it must be."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(frame.itertuples(index=False))
    return file.getvalue()


def workbook_bytes(sheets: dict[str, pd.DataFrame]) -> bytes:
    """Return an Excel workbook whose cells keep their types and whose dates are the export's."""
    from openpyxl import Workbook  # only here: the tables can be made without it
    from openpyxl.styles import Font

    workbook = Workbook()
    workbook.remove(workbook.active)
    workbook.properties.creator = "Cairnway"
    workbook.properties.created = EXPORTED_AT
    for name, frame in sheets.items():
        sheet = workbook.create_sheet(name)
        sheet.append(list(frame.columns))
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        for row in frame.itertuples(index=False):
            sheet.append(list(row))
        for column, number_format in FORMATS.items():
            if column in frame.columns:
                _format_times(sheet, frame.columns.get_loc(column) + 1, number_format)
    file = io.BytesIO()
    workbook.save(file)
    return _without_clock(file.getvalue())


def _format_times(sheet, column: int, number_format: str) -> None:
    for (cell,) in sheet.iter_rows(min_row=2, min_col=column, max_col=column):
        if cell.is_date:
            cell.number_format = number_format


def _without_clock(workbook: bytes) -> bytes:
    """Replace the times of saving, which would make each file another."""
    stamp = EXPORTED_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    result = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as old,
        zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            content = MODIFIED.sub(rb"\g<1>" + stamp + rb"\g<2>", old.read(entry))
            info = zipfile.ZipInfo(entry.filename, EXPORTED_AT.timetuple()[:6])
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 0  # the same on every system
            new.writestr(info, content)
    return result.getvalue()
