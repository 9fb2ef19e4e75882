"""Every planted defect is there, counted, alone in its row, and undone by honest cleaning."""

import html
import random
import re
from datetime import datetime, timedelta

import pandas as pd
import pytest

from course_utils import runtime
from course_utils.shop import cell_defects, defects
from course_utils.shop import clean as shop_clean
from course_utils.shop import tables as shop
from course_utils.shop.defect_catalogue import DEFECTS

ALL = [defect for table in DEFECTS.values() for defect in table]
CELLS = [defect for defect in ALL if defect.change]
NUMBER = re.compile(r"-?\d+(\.\d+)?")


def name_of(defect):
    return f"{defect.table}-{defect.column or 'rows'}-{defect.name}"


@pytest.fixture(scope="module")
def clean():
    return shop_clean.clean_tables()


@pytest.fixture(scope="module")
def planted_tables(clean):
    return defects.plant_defects(clean)


@pytest.fixture(scope="module")
def messy(planted_tables):
    return planted_tables[0]


@pytest.fixture(scope="module")
def planted(planted_tables):
    return planted_tables[1]


@pytest.fixture(scope="module")
def truth(clean):
    """Return each table's clean rows by key."""
    return {
        table: getattr(clean, table).set_index(key, drop=False).to_dict("index")
        for table, key in shop.KEYS.items()
    }


def parse(cell, kind):
    """Read a cell as a program would that knows the column's type and nothing else."""
    if cell in ("", None):
        return None
    if kind == "text":
        assert isinstance(cell, str)
        return cell
    if kind == "bool":
        return {"yes": True, "no": False}[cell]
    if kind in ("time", "date"):
        form = "%Y-%m-%d %H:%M" if kind == "time" else "%Y-%m-%d"
        return cell if isinstance(cell, datetime) else datetime.strptime(cell, form)
    if isinstance(cell, str):
        assert NUMBER.fullmatch(cell)
    return {"int": int, "float": float}[kind](cell)


def is_clean(cell, kind):
    try:
        parse(cell, kind)
    except (AssertionError, KeyError, ValueError):
        return False
    return True


def equal(value, other):
    return (pd.isna(value) and pd.isna(other)) or value == other


# For each defect that can be undone: from the messy cell to the true value.
UNDO = {
    "mojibake": lambda cell: cell.encode("cp1252").decode("utf-8"),
    "html_escaped": html.unescape,
    "invisible": lambda cell: cell.strip("\u200b\ufeff\u00a0"),
    "extra_space": lambda cell: " ".join(cell.split()),
    "mailto": lambda cell: cell.removeprefix("mailto:"),
    "lower_case": str.upper,
    "trailing_space": str.rstrip,
    "mixed_boolean": lambda cell: cell.casefold() in ("y", "1", "true", "yes", "x"),
    "decimal_comma": lambda cell: float(cell.replace(",", ".")),
    "thousands_point": lambda cell: float(cell.replace(".", "").replace(",", ".")),
    "currency_text": lambda cell: float(re.sub("[€EUR ]", "", cell)),
    "other_unit": lambda cell: round(float(cell.removesuffix(" kg")) * 1000),
    "hours": lambda cell: round(float(cell) * 60),
    "day_first": lambda cell: datetime.strptime(cell, "%d.%m.%Y %H:%M"),
    "month_first": lambda cell: datetime.strptime(cell, "%m/%d/%Y %I:%M %p"),
    "excel_serial": lambda cell: (
        datetime(1899, 12, 30) + timedelta(days=float(cell), seconds=30)
    ).replace(second=0, microsecond=0),
}


def undo(defect, cell, values, row):
    if defect.column == "postcode":
        return str(cell).zfill(4 if row["country"] == "NO" else 5)
    if defect.name in ("zeros_lost", "number_cell"):
        return str(cell).zfill(len(next(iter(values))))
    if defect.name == "case_and_space":
        return {value.casefold(): value for value in values}[cell.strip().casefold()]
    if defect.name == "spelling":
        table = {**cell_defects.CATEGORY_TYPOS, **cell_defects.COUNTRY_NAMES}
        return {typo: value for value, typos in table.items() for typo in typos}[cell]
    return UNDO[defect.name](cell)


# For each defect that changes a cell: does this messy cell have it?
def closed_too_early(cell, row):
    return (
        is_clean(cell, "time")
        and is_clean(row["created_at"], "time")
        and cell != ""
        and "1900-12-31" < cell < row["created_at"]
    )


FOUND = {
    ("customers", "name", "mojibake"): lambda cell, row: "Ã" in cell,
    ("customers", "name", "extra_space"): lambda cell, row: cell != " ".join(cell.split()),
    ("customers", "postcode", "number_cell"): lambda cell, row: isinstance(cell, int),
    ("customers", "birth_year", "sentinel"): lambda cell, row: cell == 1900,
    ("customers", "joined_at", "sentinel"): lambda cell, row: cell.year == 1900,
    ("customers", "email", "mailto"): lambda cell, row: cell.startswith("mailto:"),
    ("products", "warehouse_bin", "zeros_lost"): lambda cell, row: len(cell) < 3,
    ("products", "weight_g", "other_unit"): lambda cell, row: cell.endswith("kg"),
    ("products", "stock", "sentinel"): lambda cell, row: cell == "9999",
    ("products", "price", "decimal_comma"): lambda cell, row: "," in cell,
    ("orders", "amount", "thousands_point"): lambda cell, row: (
        isinstance(cell, str) and "." in cell and "," in cell
    ),
    ("orders", "amount", "negative"): lambda cell, row: (
        isinstance(cell, float) and cell < 0 and row["order_id"].startswith("CW-")
    ),
    ("orders", "amount", "decimal_comma"): lambda cell, row: (
        isinstance(cell, str) and re.fullmatch(r"-?\d+,\d\d", cell)
    ),
    ("orders", "amount", "currency_text"): lambda cell, row: (
        isinstance(cell, str) and re.search("€|EUR", cell)
    ),
    ("orders", "ordered_at", "day_first"): lambda cell, row: isinstance(cell, str),
    ("orders", "ordered_at", "excel_serial"): lambda cell, row: isinstance(cell, float),
    ("orders", "customer_id", "number_cell"): lambda cell, row: isinstance(cell, int),
    ("orders", "sku", "lower_case"): lambda cell, row: cell is not None and cell.islower(),
    ("orders", "quantity", "impossible"): lambda cell, row: cell in (0, 999),
    ("tickets", "message", "mojibake"): lambda cell, row: re.search("[ÃÂâ][^a-z ]", cell),
    ("tickets", "message", "html_escaped"): lambda cell, row: html.unescape(cell) != cell,
    ("tickets", "subject", "invisible"): lambda cell, row: re.search("[\u200b\ufeff\u00a0]", cell),
    ("tickets", "closed_at", "year_2062"): lambda cell, row: cell.startswith("2062"),
    ("tickets", "closed_at", "before_created"): closed_too_early,
    ("tickets", "closed_at", "sentinel"): lambda cell, row: cell == "1900-01-01 00:00",
    ("tickets", "closed_at", "day_first"): lambda cell, row: "." in cell,
    ("tickets", "closed_at", "month_first"): lambda cell, row: "/" in cell,
    ("tickets", "created_at", "day_first"): lambda cell, row: cell.count(".") == 2,
    ("tickets", "created_at", "month_first"): lambda cell, row: "/" in cell,
    ("tickets", "created_at", "excel_serial"): lambda cell, row: cell.count(".") == 1,
    ("tickets", "response_minutes", "sentinel"): lambda cell, row: cell == "9999",
    ("tickets", "response_minutes", "negative"): lambda cell, row: cell.startswith("-"),
    ("tickets", "response_minutes", "hours"): lambda cell, row: "." in cell,
    ("tickets", "satisfaction", "impossible"): lambda cell, row: cell in ("11", "12", "99", "-1"),
    ("tickets", "category", "missing_empty"): lambda cell, row: cell == "",
    ("tickets", "order_id", "lower_case"): lambda cell, row: cell.startswith("cw"),
    ("tickets", "order_id", "trailing_space"): lambda cell, row: cell != cell.rstrip(),
    ("tickets", "customer_id", "zeros_lost"): lambda cell, row: 0 < len(cell) < 6,
}


def finder(defect, values):
    """Return the detector of a defect, that of its name where no column has its own."""
    if defect.name == "mixed_boolean":
        return lambda cell, row: cell not in ("yes", "no", None)
    if defect.name == "missing_text":
        return lambda cell, row: cell in cell_defects.NOTHING
    if defect.name == "unknown_id":
        return lambda cell, row: (
            isinstance(cell, str)
            and cell != ""
            and cell != "000001"
            and cell.strip().upper().zfill(6) not in values
        )
    if defect.name == "spelling":
        return lambda cell, row: cell not in values and cell != ""
    if defect.name == "case_and_space":
        known = {value.casefold() for value in values}
        return lambda cell, row: (
            cell is not None and cell not in values and cell.strip().casefold() in known
        )
    return FOUND[defect.table, defect.column, defect.name]


def values_of(clean, defect):
    """Return the values that the column may have; ids come from the table that owns them."""
    owner = {"customer_id": clean.customers, "order_id": clean.orders}.get(defect.column)
    frame = getattr(clean, defect.table) if owner is None else owner
    return set(frame[defect.column].dropna())


@pytest.mark.parametrize("defect", ALL, ids=name_of)
def test_a_defect_is_planted_as_often_as_the_catalogue_says(planted, defect):
    each = defects.find_planted(planted, defect.name, defect.table, defect.column)
    assert each.count == len(each.keys) == len(set(each.rows))
    assert defect.count in (None, each.count)
    # A single account and a single sum are single; the systematic ones are as many as they are.
    alone = defect.name == "totals_row" or name_of(defect) == "customers-rows-test_account"
    assert alone or defect.count is None or 8 <= each.count <= 150
    assert each.why


@pytest.mark.parametrize("defect", CELLS, ids=name_of)
def test_a_defect_is_found_in_its_rows_and_nowhere_else(clean, messy, planted, defect):
    found = finder(defect, values_of(clean, defect))
    rows = getattr(messy, defect.table).to_dict("records")
    each = defects.find_planted(planted, defect.name, defect.table, defect.column)
    assert [n for n, row in enumerate(rows) if found(row[defect.column], row)] == list(each.rows)


@pytest.mark.parametrize("defect", CELLS, ids=name_of)
def test_the_clean_truth_is_free_of_a_defect(clean, defect):
    found = finder(defect, values_of(clean, defect))
    kinds = shop.COLUMNS[defect.table]
    is_sheet = defect.table in defects.SPREADSHEET_TABLES
    for row in getattr(clean, defect.table).to_dict("records"):
        cells = {
            name: defects.export_cell(row[name], kind, spreadsheet=is_sheet)
            for name, kind in kinds.items()
        }
        assert not found(cells[defect.column], cells)


@pytest.mark.parametrize(
    "defect", [each for each in CELLS if each.repair == "restore"], ids=name_of
)
def test_what_can_be_restored_is_restored_exactly(clean, messy, planted, truth, defect):
    values = values_of(clean, defect)
    cells = getattr(messy, defect.table)[defect.column]
    each = defects.find_planted(planted, defect.name, defect.table, defect.column)
    for key, row in zip(each.keys, each.rows, strict=True):
        true = truth[defect.table][key][defect.column]
        assert undo(defect, cells[row], values, truth[defect.table][key]) == true
        assert cells[row] != true


@pytest.mark.parametrize("table", shop.COLUMNS)
def test_every_other_cell_says_the_truth(messy, planted, truth, table):
    added = {
        row
        for each in planted
        if each.table == table and each.repair == "drop"
        for row in each.rows
    }
    broken = {
        (row, each.column)
        for each in planted
        if each.table == table
        for row in each.rows
        if each.repair in ("restore", "blank")
    }
    seen = set()
    for number, row in enumerate(getattr(messy, table).to_dict("records")):
        if number in added:
            continue
        key = row[shop.KEYS[table]]  # no defect touches a table's own key
        seen.add(key)
        for column, kind in shop.COLUMNS[table].items():
            if (number, column) not in broken:
                assert equal(parse(row[column], kind), truth[table][key][column])
    assert seen == set(truth[table])


def test_sampled_defects_never_share_a_row(planted):
    systematic = {(d.table, d.column, d.name) for d in ALL if d.count is None}
    taken = set()
    for each in planted:
        if (each.table, each.column, each.name) in systematic:
            continue
        rows = {(each.table, row) for row in each.rows}
        assert not rows & taken
        taken |= rows


def test_no_cell_is_broken_twice(planted):
    cells = [(p.table, p.column, row) for p in planted if p.column for row in p.rows]
    assert len(set(cells)) == len(cells)


def test_many_rows_are_free_of_defects(messy, planted):
    for table in shop.COLUMNS:
        hit = {row for each in planted if each.table == table for row in each.rows}
        assert len(hit) / len(getattr(messy, table)) < 0.85


@pytest.mark.parametrize("table", shop.COLUMNS)
def test_an_exact_duplicate_repeats_another_row_in_every_cell(messy, planted, table):
    frame = getattr(messy, table)
    each = defects.find_planted(planted, "exact_duplicate", table)
    repeated = frame.duplicated(keep=False)
    assert frame.duplicated().sum() == each.count
    assert repeated[list(each.rows)].all()


@pytest.mark.parametrize("table", ["tickets", "customers"])
def test_a_near_duplicate_differs_in_spaces_and_capitals_only(messy, planted, table):
    frame = getattr(messy, table)
    each = defects.find_planted(planted, "near_duplicate", table)
    plain = frame.map(lambda cell: " ".join(str(cell).split()).casefold())
    assert plain.duplicated(keep=False)[list(each.rows)].all()
    assert not frame.duplicated(keep=False)[list(each.rows)].any()
    exact = defects.find_planted(planted, "exact_duplicate", table)
    assert plain.duplicated().sum() == each.count + exact.count


def test_a_ticket_sent_twice_has_a_number_of_its_own_and_comes_minutes_later(messy, planted):
    frame = messy.tickets
    each = defects.find_planted(planted, "sent_twice", "tickets")
    words = frame["message"].str.lower().str.replace(" thx", "").str.replace(r"\W+", "", regex=True)
    assert frame["ticket_id"].value_counts()[list(each.keys)].eq(1).all()
    for row in each.rows:
        twins = frame[(words == words[row]) & (frame["ticket_id"] != frame["ticket_id"][row])]
        gap = pd.Timestamp(frame["created_at"][row]) - pd.Timestamp(twins["created_at"].iloc[0])
        assert timedelta(minutes=1) <= gap <= timedelta(minutes=3)


def test_test_rows_belong_to_the_test_account_and_nothing_else_does(messy, planted):
    for table in ("customers", "orders", "tickets"):
        each = defects.find_planted(planted, "test_account", table)
        is_test = getattr(messy, table)["customer_id"] == "000001"
        assert list(is_test[is_test].index) == list(each.rows)
    each = defects.find_planted(planted, "test_account", "tickets")
    assert messy.tickets["message"][list(each.rows)].is_unique


def test_the_totals_row_is_the_last_and_sums_the_numbers_only(messy, planted):
    assert defects.find_planted(planted, "totals_row", "orders").rows == (len(messy.orders) - 1,)
    amounts = [cell for cell in messy.orders["amount"][:-1] if isinstance(cell, float)]
    assert messy.orders["amount"].iloc[-1] == pytest.approx(sum(amounts), abs=0.01)


def test_the_line_na_is_lost_by_a_reader_with_defaults_and_kept_by_a_careful_one(planted):
    each = defects.find_planted(planted, "genuine_na", "products", "line")
    path = runtime.data_dir() / "products.csv"
    careless = pd.read_csv(path)
    careful = pd.read_csv(path, keep_default_na=False)
    assert careless["line"].isna().sum() == each.count
    assert list(careful.index[careful["line"] == "NA"]) == list(each.rows)


def test_a_reader_with_defaults_loses_the_zeros_of_ids():
    careless = pd.read_csv(runtime.data_dir() / "tickets.csv")
    assert careless["customer_id"].dtype == "float64"


def test_the_repaired_tables_blank_exactly_what_nobody_can_know(clean, planted):
    repaired = defects.repaired_tables(clean, planted)
    for table in shop.COLUMNS:
        before, after = getattr(clean, table), getattr(repaired, table)
        assert (before.dtypes == after.dtypes).all()
        blanked = {
            (key, each.column)
            for each in planted
            for key in each.keys
            if each.table == table and each.repair == "blank"
        }
        changed = after.isna() & before.notna()
        keys = before[shop.KEYS[table]]
        for column in before:
            assert {(key, column) for key in keys[changed[column]]} <= blanked
            same = ~changed[column]
            pd.testing.assert_series_equal(before[column][same], after[column][same])
        is_blank = after.set_index(shop.KEYS[table], drop=False).isna()
        assert all(is_blank.loc[key, column] for key, column in blanked)


def test_planting_changes_nothing_in_the_clean_tables():
    tables = shop_clean.clean_tables()
    copies = {table: getattr(tables, table).copy() for table in shop.COLUMNS}
    defects.plant_defects(tables)
    for table, copy in copies.items():
        pd.testing.assert_frame_equal(getattr(tables, table), copy)


def test_another_seed_breaks_other_rows(clean, planted):
    _, other = defects.plant_defects(clean, seed=1)
    assert [each.count for each in other] == [each.count for each in planted]
    assert other[0].rows != planted[0].rows


def test_too_few_fitting_rows_say_which_defect_asks_for_too_many(clean):
    few = shop.Tables(clean.customers.head(50), clean.products, clean.orders, clean.tickets)
    with pytest.raises(
        ValueError, match=r"table 'customers', defect '\w+' in '\w*': only \d+ rows"
    ):
        defects.plant_defects(few)


def test_an_unknown_defect_lists_those_there_are(planted):
    with pytest.raises(KeyError, match=r"no 'typo\(price\)' planted in 'products'; use one of"):
        defects.find_planted(planted, "typo", "products", "price")


def test_a_month_first_time_reads_noon_and_midnight_right():
    rng = random.Random(0)
    assert cell_defects.month_first(datetime(2025, 3, 4, 0, 5), rng) == "03/04/2025 12:05 AM"
    assert cell_defects.month_first(datetime(2025, 3, 4, 12, 5), rng) == "03/04/2025 12:05 PM"
    assert cell_defects.month_first(datetime(2025, 3, 4, 23, 5), rng) == "03/04/2025 11:05 PM"
