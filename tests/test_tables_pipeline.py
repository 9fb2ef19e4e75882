"""The whole way: the committed files end up as the best honest cleaning, once and whole."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from pandas.testing import assert_frame_equal

from course_utils import runtime
from course_utils.shop import defects, table_files
from course_utils.shop.clean import clean_tables
from course_utils.shop.tables import COLUMNS, KEYS, Tables
from course_utils.tables import export, pipeline

FILES = {
    "manifest.json",
    "shop.db",
    *(f"tables/{table}.parquet" for table in COLUMNS),
    *(f"set_aside/{table}.csv" for table in [*COLUMNS, "changed_cells"]),
    *(f"training/{split}.jsonl" for split in ("train", "dev", "test")),
}


@pytest.fixture(scope="module")
def truth():
    return clean_tables()


@pytest.fixture(scope="module")
def raw():
    return pipeline.read_shop(runtime.data_dir())


@pytest.fixture(scope="module")
def shop(raw):
    return pipeline.clean_shop(raw)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    target = tmp_path_factory.mktemp("prepared") / "shop"
    return pipeline.prepare(runtime.data_dir(), target, progress=False)


@pytest.fixture
def small(tmp_path, raw):
    """Return a source folder whose tables are a few rows each."""
    source = tmp_path / "source"
    few = {table: frame.head(40) for table, frame in raw.items()}
    filled = {table: frame.where(frame.notna(), None) for table, frame in few.items()}
    return table_files.write_tables(source, tables=Tables(**filled))[0].parent


def content(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def by_key(frame, table):
    return frame.sort_values(KEYS[table], ignore_index=True)


def spoil(raw, table, row, column, cell):
    """Return the raw tables with one cell more that no rule is written for."""
    frame = raw[table].copy()
    frame.loc[row, column] = cell
    return {**raw, table: frame}


def untouched_row(raw, shop, table):
    """Return the position of a raw row that no rule had anything to do with, nor a copy of it."""
    touched = set(shop.findings.loc[shop.findings["table"] == table, "row"])
    frame = raw[table]
    return next(row for row in frame.index[~frame.duplicated(keep=False)] if row not in touched)


@pytest.mark.parametrize("table", COLUMNS)
def test_the_committed_files_end_up_as_the_best_honest_cleaning(truth, shop, table):
    best = defects.repaired_tables(truth, defects.plant_defects(truth)[1])
    assert_frame_equal(by_key(shop.tables[table], table), by_key(getattr(best, table), table))


@pytest.mark.parametrize("seed", [1, 2])
def test_the_rules_hold_for_tables_broken_elsewhere(truth, seed):
    messy, planted = defects.plant_defects(truth, seed=seed)
    raw = {table: getattr(messy, table) for table in COLUMNS}
    raw |= {table: raw[table].astype("str") for table in ("products", "tickets")}
    best = defects.repaired_tables(truth, planted)
    shop = pipeline.clean_shop(raw)
    for table in COLUMNS:
        assert_frame_equal(by_key(shop.tables[table], table), by_key(getattr(best, table), table))


def test_each_rule_is_named_after_the_defect_that_it_finds(truth, shop):
    planted = defects.plant_defects(truth)[1]
    found = shop.findings[["table", "column", "defect"]].itertuples(index=False, name=None)
    assert set(found) == {(each.table, each.column, each.name) for each in planted}


@pytest.mark.parametrize("table", COLUMNS)
def test_every_raw_row_is_kept_or_set_aside(raw, shop, table):
    assert len(shop.tables[table]) + len(shop.set_aside[table]) == len(raw[table])
    aside = shop.set_aside[table]
    assert_frame_equal(aside.drop(columns="reason"), raw[table].loc[aside.index])
    assert aside["reason"].str.len().gt(0).all()


def test_a_cell_that_no_conversion_understands_sets_its_row_aside(raw, shop):
    row = untouched_row(raw, shop, "tickets")
    spoilt = pipeline.clean_shop(spoil(raw, "tickets", row, "created_at", "last Tuesday"))
    aside = spoilt.set_aside["tickets"]
    assert aside.loc[row, "reason"] == "created_at: 'last Tuesday' isn't written as time"
    assert aside.loc[row, "message"] == raw["tickets"].loc[row, "message"]
    assert len(spoilt.tables["tickets"]) == len(shop.tables["tickets"]) - 1


def test_a_boolean_that_nobody_can_read_sets_its_row_aside_and_the_column_stays_bool(raw, shop):
    row = untouched_row(raw, shop, "tickets")
    spoilt = pipeline.clean_shop(spoil(raw, "tickets", row, "reopened", "perhaps"))
    assert "reopened: 'perhaps'" in spoilt.set_aside["tickets"].loc[row, "reason"]
    assert spoilt.tables["tickets"]["reopened"].dtype == "bool"


def test_a_row_that_breaks_the_schema_is_set_aside_as_it_came_in(raw, shop):
    row = untouched_row(raw, shop, "products")
    spoilt = pipeline.clean_shop(spoil(raw, "products", row, "price", "-1.00"))
    assert spoilt.set_aside["products"].loc[row, "price"] == "-1.00"
    assert spoilt.set_aside["products"].loc[row, "reason"] == "price: greater_than(0), found -1.0"


def test_a_missing_table_is_named(raw):
    with pytest.raises(ValueError, match="raw lacks orders; pass what read_shop returns"):
        pipeline.clean_shop({table: raw[table] for table in COLUMNS if table != "orders"})


def test_the_folder_holds_what_is_promised(prepared):
    assert prepared.fresh
    assert set(content(prepared.folder)) == FILES
    assert [path.name for path in prepared.folder.parent.glob(".*.part")] == []


def test_what_is_read_back_is_what_was_cleaned(prepared, shop):
    for table in COLUMNS:
        assert_frame_equal(prepared.tables[table], shop.tables[table])
        assert prepared.set_aside[table].index.equals(shop.set_aside[table].index)
        assert list(prepared.set_aside[table]["reason"]) == list(shop.set_aside[table]["reason"])
        assert list(prepared.set_aside[table]) == list(shop.set_aside[table])
    assert list(prepared.findings) == list(shop.findings)
    same = ["table", "column", "defect", "row", "action"]
    assert prepared.findings[same].values.tolist() == shop.findings[same].values.tolist()


def test_the_database_holds_the_tables_with_keys_that_refer_to_rows(prepared):
    with closing(sqlite3.connect(prepared.folder / "shop.db")) as connection:
        for table, key in KEYS.items():
            rows = connection.execute(f"SELECT COUNT({key}) FROM {table}").fetchone()
            assert rows == (len(prepared.tables[table]),)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        first = prepared.tables["tickets"].iloc[0]
        created_at, reopened = connection.execute(
            "SELECT created_at, reopened FROM tickets WHERE ticket_id = ?",
            [first["ticket_id"]],
        ).fetchone()
        assert created_at == f"{first['created_at']:%Y-%m-%d %H:%M}"
        assert reopened == int(first["reopened"])
        n_open = connection.execute("SELECT COUNT(*) FROM tickets WHERE closed_at IS NULL")
        assert n_open.fetchone() == (prepared.tables["tickets"]["closed_at"].isna().sum(),)
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            connection.execute("INSERT INTO products SELECT * FROM products LIMIT 1")


def test_the_training_texts_are_the_filed_tickets_and_no_group_is_in_two_splits(prepared):
    splits = {
        name: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for name in ("train", "dev", "test")
        if (path := prepared.folder / "training" / f"{name}.jsonl")
    }
    rows = [row for split in splits.values() for row in split]
    tickets = prepared.tables["tickets"]
    assert sorted(row["id"] for row in rows) == sorted(
        tickets.loc[tickets["category"].notna(), "ticket_id"]
    )
    assert all({"id", "text", "category", "group"} <= set(row) for row in rows)
    groups = [{row["group"] for row in split} for split in splits.values()]
    assert len(set.union(*groups)) == sum(len(group) for group in groups)


def test_too_few_tickets_to_divide_are_all_for_training(shop, tmp_path):
    filed = shop.tables["tickets"].dropna(subset=["category"]).head(2)
    export.write_folder(tmp_path, shop.tables | {"tickets": filed}, shop.findings, shop.set_aside)
    lines = {
        name: (tmp_path / "training" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        for name in ("train", "dev", "test")
    }
    assert [json.loads(line)["id"] for line in lines["train"]] == list(filed["ticket_id"])
    assert lines["dev"] == lines["test"] == []


def test_the_same_files_give_the_same_bytes(small, tmp_path):
    for name in ("one", "two"):
        pipeline.prepare(small, tmp_path / name, progress=False)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_second_run_works_on_nothing(small, tmp_path, monkeypatch):
    first = pipeline.prepare(small, tmp_path / "shop", progress=False)
    monkeypatch.setattr(pipeline, "clean_shop", None)
    second = pipeline.prepare(small, tmp_path / "shop")
    assert (first.fresh, second.fresh) == (True, False)
    assert_frame_equal(first.findings, second.findings)
    for table in COLUMNS:
        assert_frame_equal(first.tables[table], second.tables[table])
        assert_frame_equal(first.set_aside[table], second.set_aside[table])


def test_a_changed_input_makes_everything_anew(small, tmp_path):
    pipeline.prepare(small, tmp_path / "shop", progress=False)
    lines = (small / "products.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (small / "products.csv").write_text("".join(lines[:-3]), encoding="utf-8")
    again = pipeline.prepare(small, tmp_path / "shop", progress=False)
    assert again.fresh
    pipeline.prepare(small, tmp_path / "other", progress=False)
    assert content(tmp_path / "shop") == content(tmp_path / "other")


def test_a_changed_rule_makes_everything_anew(small, tmp_path, monkeypatch):
    pipeline.prepare(small, tmp_path / "shop", progress=False)
    monkeypatch.setattr(pipeline, "_code_hash", lambda: "of other rules")
    assert pipeline.prepare(small, tmp_path / "shop", progress=False).fresh


def test_a_changed_or_lost_output_is_made_anew(small, tmp_path):
    target = tmp_path / "shop"
    pipeline.prepare(small, target, progress=False)
    before = content(target)
    (target / "shop.db").write_bytes(b"not a database")
    assert pipeline.prepare(small, target, progress=False).fresh
    (target / "training" / "dev.jsonl").unlink()
    assert pipeline.prepare(small, target, progress=False).fresh
    assert content(target) == before


def test_a_run_that_fails_leaves_the_old_folder_whole(small, tmp_path, monkeypatch):
    target = tmp_path / "shop"
    pipeline.prepare(small, target, progress=False)
    before = content(target)

    def fail(path, tables):
        raise OSError("disk full")

    with (small / "products.csv").open("a", encoding="utf-8") as file:
        file.write("\n")
    monkeypatch.setattr(export, "_write_database", fail)
    with pytest.raises(OSError, match="disk full"):
        pipeline.prepare(small, target, progress=False)
    assert content(target) == before
    assert not list(tmp_path.glob(".*.part"))


def test_files_of_others_are_not_removed(small, tmp_path):
    target = tmp_path / "shop"
    target.mkdir()
    (target / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match=r"holds thesis.txt and 0 other files that prepare didn't"):
        pipeline.prepare(small, target, progress=False)
    assert (target / "thesis.txt").read_text() == "years of work"


def test_a_file_put_beside_the_outputs_is_no_reason_to_work_again(small, tmp_path):
    pipeline.prepare(small, tmp_path / "shop", progress=False)
    (tmp_path / "shop" / "notes.txt").write_text("mine")
    assert not pipeline.prepare(small, tmp_path / "shop").fresh


def test_a_missing_input_is_named(small, tmp_path):
    (small / "orders.xlsx").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks orders.xlsx; `make data` writes them"):
        pipeline.prepare(small, tmp_path / "shop")


def test_importing_the_pipeline_imports_no_torch():
    code = "import sys, course_utils.tables.pipeline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_rules_know_nothing_of_what_was_planted():
    code = (
        "import sys, course_utils.tables.pipeline\n"
        "names = [name for name in sys.modules if name.startswith('course_utils.shop.')]\n"
        "print(*sorted(names))"
    )
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert result.stdout.decode().split() == ["course_utils.shop.tables"]
