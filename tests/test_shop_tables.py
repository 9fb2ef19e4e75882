"""The clean shop hangs together, its tickets are varied, and its files are the committed ones."""

import io
import json
import re
import zipfile
from collections import Counter
from datetime import time

import openpyxl
import pandas as pd
import pytest

from course_utils import runtime
from course_utils.shop import clean as shop_clean
from course_utils.shop import defects, table_files
from course_utils.shop import orders as shop_orders
from course_utils.shop import tables as shop
from course_utils.shop import tickets as shop_tickets


@pytest.fixture(scope="module")
def clean():
    return shop_clean.clean_tables()


@pytest.fixture(scope="module")
def written(clean, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    messy, _ = defects.plant_defects(clean)
    table_files.write_tables(folder, tables=messy)
    return folder


@pytest.mark.parametrize("name", ["tickets.csv", "products.csv"])
def test_the_committed_csv_is_what_the_generator_writes(written, name):
    assert (written / name).read_bytes() == (runtime.data_dir() / name).read_bytes()


def test_the_committed_workbook_is_what_the_generator_writes_cell_for_cell(written):
    new = openpyxl.load_workbook(written / "orders.xlsx")
    committed = openpyxl.load_workbook(runtime.data_dir() / "orders.xlsx")
    assert new.sheetnames == committed.sheetnames == ["orders", "customers"]
    for sheet in new:
        assert list(sheet.values) == list(committed[sheet.title].values)


def test_a_workbook_holds_no_time_of_writing(clean):
    sheets = {"products": clean.products.head(3)}
    content = io.BytesIO(table_files.workbook_bytes(sheets))
    properties = openpyxl.load_workbook(content).properties
    assert properties.modified == properties.created == shop.EXPORTED_AT
    with zipfile.ZipFile(content) as file:
        assert {entry.date_time for entry in file.infolist()} == {(2026, 7, 1, 0, 0, 0)}


def test_the_files_are_small(written):
    assert (written / "tickets.csv").stat().st_size < 1_200_000
    assert (written / "orders.xlsx").stat().st_size < 300_000


def test_a_failed_write_leaves_the_old_file(clean, tmp_path, monkeypatch):
    messy, _ = defects.plant_defects(clean)
    (tmp_path / "orders.xlsx").write_text("old")

    def refuse(self, target):
        raise OSError("disk full")

    monkeypatch.setattr("pathlib.Path.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        table_files.write_tables(tmp_path, tables=messy)
    assert [path.name for path in tmp_path.iterdir()] == ["orders.xlsx"]


def test_a_csv_is_quoted_only_where_it_must_be_and_ends_lines_alike():
    frame = pd.DataFrame({"a": ["1,5", "x"], "b": ["two\nlines", ""]}, dtype=object)
    assert table_files.csv_text(frame) == 'a,b\n"1,5","two\nlines"\nx,\n'


def test_another_seed_makes_another_shop_of_the_same_size(clean):
    other = shop_clean.clean_tables(seed=1)
    for table in shop.COLUMNS:
        assert getattr(other, table).shape == getattr(clean, table).shape
    assert not other.tickets.equals(clean.tickets)


@pytest.mark.parametrize(
    ("table", "count"), [("customers", 400), ("products", 120), ("orders", 1400), ("tickets", 2880)]
)
def test_a_table_has_its_columns_types_and_unique_keys(clean, table, count):
    frame = getattr(clean, table)
    assert len(frame) == count
    assert list(frame) == list(shop.COLUMNS[table])
    for column, kind in shop.COLUMNS[table].items():
        assert frame[column].dtype == pd.Series(dtype=shop.DTYPES[kind]).dtype, column
    assert frame[shop.KEYS[table]].is_unique


def test_ids_join(clean):
    customers, orders, tickets = clean.customers, clean.orders, clean.tickets
    assert orders["customer_id"].isin(customers["customer_id"]).all()
    assert orders["sku"].isin(clean.products["sku"]).all()
    assert orders["refers_to"].dropna().isin(orders["order_id"]).all()
    assert tickets["customer_id"].dropna().isin(customers["customer_id"]).all()
    assert tickets["order_id"].dropna().isin(orders["order_id"]).all()
    linked = tickets.dropna(subset="order_id").merge(orders, on="order_id")
    assert (linked["customer_id_x"] == linked["customer_id_y"]).all()
    assert (linked["created_at"] > linked["ordered_at"]).all()


def test_an_order_number_in_a_message_is_the_tickets_own(clean):
    named = clean.tickets[clean.tickets["message"].str.contains(r"CW-\d{6}")].dropna(
        subset="order_id"
    )
    assert len(named) > 50
    for row in named.itertuples():
        assert set(re.findall(r"CW-\d{6}", row.message)) == {row.order_id}


def test_times_follow_each_other(clean):
    tickets = clean.tickets
    closed = tickets.dropna(subset="closed_at")
    response = pd.to_timedelta(closed["response_minutes"].astype("int64"), unit="min")
    assert (closed["created_at"] + response < closed["closed_at"]).all()
    assert (closed["closed_at"] < shop.EXPORTED_AT).all()
    assert tickets["created_at"].dt.date.between(shop.FIRST_DAY, shop.EXPORTED_AT.date()).all()
    orders = clean.orders.merge(clean.customers, on="customer_id")
    assert (orders["joined_at"].dt.normalize() <= orders["ordered_at"].dt.normalize()).all()


def test_chat_and_phone_keep_the_desks_hours(clean):
    created_at = clean.tickets.loc[
        clean.tickets["channel"].isin(shop_tickets.STAFFED), "created_at"
    ]
    weekday, saturday = (
        created_at[created_at.dt.day_of_week < 5],
        created_at[created_at.dt.day_of_week == 5],
    )
    assert len(weekday) > 300
    assert len(saturday) > 30
    assert len(weekday) + len(saturday) == len(created_at)
    assert weekday.dt.time.between(time(8), time(19, 59)).all()
    assert saturday.dt.time.between(time(9), time(16, 59)).all()


def test_shipping_costs_what_the_handbook_says(clean):
    sales = clean.orders[clean.orders["status"] != "refunded"]
    # Some zone has each fee, free only from its limit, and oversize comes on top.
    fees = sales.groupby("shipping_zone")["shipping_fee"].agg(lambda fee: set(fee.round(2)))
    assert fees[1] == {0.0, 4.95, 19.0}
    assert {0.0, 8.95} <= fees[2] <= {0.0, 8.95, 19.0}
    assert {14.95} <= fees[3] <= {14.95, 33.95}
    cheap = sales[(sales["amount"] < 70) & (sales["shipping_zone"] == 1)]
    assert (cheap["shipping_fee"] == 4.95)[cheap["coupon"].isna()].all()
    assert shop_orders.SHIPPING[2] == (8.95, 150.0)


def test_only_credit_notes_are_negative(clean):
    is_refund = clean.orders["status"] == "refunded"
    assert is_refund.sum() == shop_orders.N_REFUNDS
    assert (clean.orders["amount"] < 0).equals(is_refund)
    assert clean.orders.loc[is_refund, "order_id"].str.fullmatch(r"R-\d{5}").all()


def test_no_address_can_reach_anybody(clean):
    assert clean.customers["email"].str.fullmatch(r"[a-z0-9.-]+@example\.(com|org|net)").all()


def test_the_tables_have_the_shape_of_a_shop(clean):
    per_customer = clean.orders["customer_id"].value_counts()
    assert per_customer.iloc[0] > 25 > 3 > per_customer.median()  # a long tail
    tickets = clean.tickets
    by_month = tickets.groupby(tickets["created_at"].dt.month).size()
    assert by_month[12] > 1.5 * by_month[8]
    december = tickets[tickets["created_at"].dt.month.isin([11, 12])]
    share = (december["category"] == "delivery").mean() / (tickets["category"] == "delivery").mean()
    assert share > 1.2
    minutes = tickets.groupby("channel")["response_minutes"].median()
    assert minutes["chat"] < 10 < 200 < minutes["email"] < minutes["marketplace"]
    assert 0.4 < tickets["satisfaction"].isna().mean() < 0.65


def test_no_two_tickets_say_the_same(clean):
    plain = clean.tickets["message"].str.lower().str.replace(r"\W+", " ", regex=True).str.strip()
    assert plain.is_unique


def test_no_run_of_eight_words_is_in_more_than_a_few_tickets(clean):
    runs = Counter()
    for message in clean.tickets["message"]:
        words = re.findall(r"[\w']+", message.lower())
        runs.update({tuple(words[start : start + 8]) for start in range(len(words) - 7)})
    assert max(runs.values()) / len(clean.tickets) < 0.015


def test_messages_differ_in_length_form_and_vocabulary(clean):
    words = clean.tickets["message"].str.findall(r"[\w']+")
    assert words.str.len().quantile(0.05) < 15
    assert words.str.len().quantile(0.95) > 40
    assert len({word.lower() for row in words for word in row}) > 3_000
    assert 0.1 < clean.tickets["message"].str.contains("\n").mean() < 0.6
    assert 0.1 < clean.tickets["message"].str[0].str.islower().mean() < 0.4


def test_every_written_message_is_used(clean):
    lines = (runtime.data_dir() / "intents.jsonl").read_text(encoding="utf-8").splitlines()
    said = "\n".join(re.sub(r"CW-\d{6}", "CW", text) for text in clean.tickets["message"])
    texts = [re.sub(r"CW-\d{6}", "CW", json.loads(line)["text"]) for line in lines]
    assert sum(text in said for text in texts) / len(texts) > 0.99


def test_parts_are_written_once_and_cover_every_group():
    parts = json.loads((runtime.data_dir() / "ticket_parts.json").read_text(encoding="utf-8"))
    for name in ("openers", "casual_openers", "closings", "casual_closings"):
        assert len(set(parts[name])) == len(parts[name]), name
    assert len(parts["openers"] + parts["casual_openers"]) >= 60
    assert len(parts["closings"] + parts["casual_closings"]) >= 50
    assert set(parts["context"]) == set(parts["subjects"]) == set(shop_tickets.GROUPS)
    sentences = [text for group in parts["context"].values() for text in group]
    assert len(set(sentences)) == len(sentences) >= 80


def test_a_message_of_an_unknown_group_says_what_to_do(tmp_path):
    path = tmp_path / "intents.jsonl"
    path.write_text('{"group": "weather", "text": "Will it rain?"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"no category for the group 'weather' .* add it to"):
        shop_clean.clean_tables(intents_path=path)


def test_too_few_messages_say_what_to_do(tmp_path):
    path = tmp_path / "intents.jsonl"
    path.write_text('{"group": "care", "text": "How do I wash it?"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=r"no message of the group 'delivery'; add some"):
        shop_clean.clean_tables(intents_path=path)
