"""Exercises of lesson 01: sentinels, dates, duplicates, groups, leaks."""

from functools import cache
from typing import Any

from course_utils import runtime
from course_utils.exercises.exercise import Exercise, WrongAnswer, require

SETUP = """\
import pandas as pd

from course_utils import runtime

data = runtime.data_dir()
orders = pd.read_excel(
    data / "orders.xlsx", sheet_name="orders", dtype=object, keep_default_na=False, na_values=[""]
)
"""
N_PRODUCTS = 128  # rows of the file, its copies included
N_UNCOUNTED = 8


@cache
def _cells(name: str, sheet: str = "") -> Any:
    """Return a file of the shop with each cell as it stands there."""
    import pandas as pd  # the package's other lessons work without it

    path = runtime.data_dir() / name
    if sheet:
        return pd.read_excel(path, sheet, dtype=object, keep_default_na=False, na_values=[""])
    return pd.read_csv(path, dtype="str", keep_default_na=False)


def _check_stock(answer: object) -> None:
    import pandas as pd

    require(
        isinstance(answer, pd.Series),
        "answer is one column, a Series; products['stock'] gives one, products[['stock']] a frame.",
    )
    require(
        len(answer) == N_PRODUCTS,
        f"The Series has {len(answer)} entries and the file {N_PRODUCTS} rows, copies included. A "
        "product whose stock nobody counts is still a product: blank the cell and keep the row.",
    )
    require(
        pd.api.types.is_numeric_dtype(answer),
        f"The entries are of type {answer.dtype}, not numbers, so nobody can add them up. "
        "pd.to_numeric makes numbers of text.",
    )
    require(
        not (answer == 9999).any(),
        "9999 is still in it. As a number it says that ten thousand pieces lie on the shelf, and "
        "every sum believes it.",
    )
    require(
        answer.isna().sum() > 0,
        "Nothing is missing in it. 0 means sold out, and a mean would be a guess; that the "
        "warehouse doesn't count is something else, and only a missing value says so.",
    )
    numbers = pd.to_numeric(_cells("products.csv")["stock"])
    require(
        answer.isna().sum() == N_UNCOUNTED
        and (answer.dropna().to_numpy() == numbers[answer.notna().to_numpy()].to_numpy()).all(),
        f"{answer.isna().sum()} entries are missing where {N_UNCOUNTED} are 9999 in the file, or "
        "another number changed. Blank exactly the cells that hold 9999.",
    )


def _check_times(answer: object) -> None:
    import pandas as pd

    from course_utils.shop.clean import clean_tables

    require(isinstance(answer, pd.Series), "answer is one column of times, a Series.")
    cells = _cells("orders.xlsx", "orders").iloc[:-1]
    require(
        len(answer) == len(cells),
        f"The Series has {len(answer)} entries; without the last row, which is a sum and no order, "
        f"there are {len(cells)}.",
    )
    require(
        pd.api.types.is_datetime64_any_dtype(answer),
        f"The entries are of type {answer.dtype}. One form for all lets them be sorted and "
        "subtracted: datetime64.",
    )
    require(
        answer.notna().all(),
        f"{answer.isna().sum()} times are missing. Every cell holds a time; a form that wasn't "
        "read yet becomes missing under errors='coerce', without a word.",
    )
    require(
        answer.dt.tz is None,
        "The times carry a time zone; the shop's cells don't say one, so leave it out.",
    )
    true = cells["order_id"].map(clean_tables().orders.set_index("order_id")["ordered_at"])
    off = pd.Series(answer.to_numpy() - true.to_numpy()).abs()
    off[true.isna().to_numpy()] = pd.Timedelta(0)  # the developers' orders have no true time here
    kinds = cells["ordered_at"].map(lambda cell: type(cell).__name__).reset_index(drop=True)
    texts, serials = off[kinds == "str"], off[kinds == "float"]
    swapped = (texts >= pd.Timedelta(days=1)).sum()
    require(
        not swapped,
        f"{swapped} of the text cells are on another day than in the shop's own books. They write "
        "the day first: 04.07. is the fourth of July.",
    )
    require(
        not (serials >= pd.Timedelta(minutes=1)).any(),
        "The serial numbers come out at other times. They count days, with a fraction, from "
        "1899-12-30: unit='D', origin='1899-12-30'.",
    )
    wrong = off > pd.Timedelta(0)
    require(
        not wrong.any() or (off < pd.Timedelta(minutes=1)).all(),
        f"{wrong.sum()} times aren't the moments of the shop's own books. Keep hours and minutes, "
        "and the order of the sheet.",
    )
    require(
        not wrong.any(),
        f"{wrong.sum()} times are off by seconds: a serial number with five decimals isn't precise "
        "to the second. Round them to the minute, so that the same moment reads the same "
        "everywhere.",
    )


def _check_customers(answer: object) -> None:
    import pandas as pd

    require(isinstance(answer, pd.DataFrame), "answer is a table of customers, a DataFrame.")
    cells = _cells("orders.xlsx", "customers")
    require(
        set(cells.columns) <= set(answer.columns),
        "Columns of the sheet are gone. Compare on a copy without spaces and capitals, and pick "
        "the rows from the sheet itself.",
    )
    require(
        not answer.duplicated().any(),
        "Exact copies are still in it. drop_duplicates() leaves out rows that repeat another in "
        "every cell.",
    )
    require(
        bool(answer["customer_id"].map(lambda cell: isinstance(cell, str)).all()),
        "customer_id holds numbers, so the zeros that the ids begin with are gone. Read the sheet "
        "with dtype=object, as the orders.",
    )
    lost = set(cells["customer_id"]) - set(answer["customer_id"])
    require(
        not lost,
        f"{len(lost)} customers are gone altogether. Leave out the copies and keep one row of each "
        "customer; and compare all cells, because two people may share a city.",
    )
    extra = answer["customer_id"].duplicated().sum()
    require(
        extra == 0,
        f"{extra} customers still stand twice: their rows differ in capitals or spaces only, so "
        "no cell comparison finds them. Compare casefolded text without outer spaces.",
    )
    require(
        answer.astype("str").isin(set(cells.astype("str").to_numpy().ravel())).all().all(),
        "Cells were rewritten on the way. Use the plain form to compare and keep the original "
        "rows, else names lose their capitals.",
    )


def _check_reopened(answer: object) -> None:
    import pandas as pd

    from course_utils.shop.clean import clean_tables

    require(
        isinstance(answer, pd.Series),
        f"answer is of type {type(answer).__name__}; it should be a Series with one number a "
        "channel. groupby(...)['reopened'] picks the column before agg.",
    )
    tickets = clean_tables().tickets
    channels = sorted(tickets["channel"].unique())
    require(
        sorted(answer.index) == channels,
        f"The index should hold the {len(channels)} channels, and holds {list(answer.index)[:8]}. "
        "Use the clean table: the export has 24 spellings of five channels.",
    )
    require(
        bool((answer <= 1).all()),
        "Those are counts or percentages, and a share lies between 0 and 1. The channels differ in "
        "size, so only shares can be compared: the mean of True and False is the share of True.",
    )
    true = tickets.groupby("channel")["reopened"].mean()
    require(
        bool((answer.reindex(channels) - true.reindex(channels)).abs().max() < 0.001),
        "The shares aren't those of the clean table, or were rounded. Is each divided by the "
        "number of tickets of its own channel?",
    )
    require(
        answer.is_monotonic_decreasing,
        "The shares are right and stand in another order. Sort them with the largest first, so "
        "that the reader sees the answer in the first line.",
    )


EXERCISES = (
    Exercise(
        id="01.1",
        check=_check_stock,
        on_pass="8 stocks that nobody counts are missing now, and the rest is untouched.",
        expects="a Series of numbers",
        setup=SETUP,
        hints=(
            "Two steps: numbers first, then blank the cells that mean nothing.",
            "Read the file as the tickets were read, with dtype='str' and keep_default_na=False. "
            "pd.to_numeric(...) turns the column into numbers.",
            "series.where(condition) keeps the values for which the condition holds and blanks "
            "the others. The condition: not equal to 9999.",
        ),
        solution="""\
products = pd.read_csv(data / "products.csv", dtype="str", keep_default_na=False)
stock = pd.to_numeric(products["stock"])
answer = stock.where(stock != 9999)
""",
        wrong_answers=(
            WrongAnswer(
                "answer = pd.read_csv(data / 'products.csv')['stock']", "9999 is still in it"
            ),
            WrongAnswer(
                "answer = pd.read_csv(data / 'products.csv')['stock'].replace(9999, 0)",
                "0 means sold out",
            ),
            WrongAnswer(
                "stock = pd.read_csv(data / 'products.csv')['stock']\n"
                "answer = stock[stock != 9999]",
                "blank the cell and keep the row",
            ),
            WrongAnswer(
                "answer = pd.read_csv(data / 'products.csv', dtype='str')['stock']", "not numbers"
            ),
            WrongAnswer(
                "stock = pd.read_csv(data / 'products.csv')['stock']\n"
                "answer = stock.where(stock < 50)",
                "Blank exactly the cells",
            ),
            WrongAnswer("answer = 8", "answer is one column"),
        ),
    ),
    Exercise(
        id="01.2",
        check=_check_times,
        on_pass="Three ways to write a time, one column of timestamps, and none of them guessed.",
        expects="a Series of times (datetime64)",
        setup=SETUP,
        hints=(
            "Take the cells by their Python type: `cells.map(type)` says which are datetime, which "
            "str, which float.",
            "For the text, pd.to_datetime with format='%d.%m.%Y %H:%M'. For the floats, "
            "unit='D' and origin='1899-12-30', then .dt.round('min').",
            "errors='coerce' makes whatever doesn't fit missing, so three readings can be put "
            "together with fillna, as for the tickets. Text from a datetime has seconds: its "
            "format ends in %H:%M:%S.",
        ),
        solution="""\
cells = orders["ordered_at"].iloc[:-1].astype("str")
days = pd.to_numeric(cells, errors="coerce")
answer = pd.to_datetime(days, unit="D", origin="1899-12-30").dt.round("min")
for form in ["%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M"]:
    answer = answer.fillna(pd.to_datetime(cells, format=form, errors="coerce"))
""",
        wrong_answers=(
            WrongAnswer(
                "answer = pd.to_datetime(orders['ordered_at'].astype('str'), errors='coerce')",
                "which is a sum and no order",
            ),
            WrongAnswer("answer = orders['ordered_at'].iloc[:-1]", "of type object"),
            WrongAnswer(
                "cells = orders['ordered_at'].iloc[:-1].astype('str')\n"
                "days = pd.to_numeric(cells, errors='coerce')\n"
                "answer = pd.to_datetime(days, unit='D').dt.round('min')\n"
                "for form in ['%Y-%m-%d %H:%M:%S', '%d.%m.%Y %H:%M']:\n"
                "    answer = answer.fillna(pd.to_datetime(cells, format=form, errors='coerce'))",
                "They count days",
            ),
            WrongAnswer(
                "cells = orders['ordered_at'].iloc[:-1].astype('str')\n"
                "answer = pd.to_datetime(cells, errors='coerce')",
                "becomes missing under",
            ),
            WrongAnswer(
                "cells = orders['ordered_at'].iloc[:-1].astype('str')\n"
                "days = pd.to_numeric(cells, errors='coerce')\n"
                "answer = pd.to_datetime(days, unit='D', origin='1899-12-30').dt.round('min')\n"
                "answer = answer.fillna(pd.to_datetime(cells, format='mixed', errors='coerce'))",
                "They write the day first",
            ),
            WrongAnswer(
                "cells = orders['ordered_at'].iloc[:-1].astype('str')\n"
                "days = pd.to_numeric(cells, errors='coerce')\n"
                "answer = pd.to_datetime(days, unit='D', origin='1899-12-30')\n"
                "for form in ['%Y-%m-%d %H:%M:%S', '%d.%m.%Y %H:%M']:\n"
                "    answer = answer.fillna(pd.to_datetime(cells, format=form, errors='coerce'))",
                "Round them to the minute",
            ),
        ),
    ),
    Exercise(
        id="01.3",
        check=_check_customers,
        on_pass="Each customer stands once, and nobody was lost: 401 of 423 rows.",
        expects="a DataFrame",
        setup=SETUP,
        hints=(
            "Two kinds of copies: rows equal in every cell, and rows equal but for capitals and "
            "spaces. The tickets had the same two.",
            "Make a plain copy of the sheet, in which each cell is text without outer spaces and "
            "capitals; frame.map(function) does that. duplicated() on it marks the copies.",
            "customers[~plain.duplicated()] picks the rows of the sheet that aren't marked.",
        ),
        solution="""\
customers = pd.read_excel(
    data / "orders.xlsx", sheet_name="customers", dtype=object, keep_default_na=False
)
plain = customers.map(lambda cell: " ".join(str(cell).split()).casefold())
answer = customers[~plain.duplicated()]
""",
        wrong_answers=(
            WrongAnswer(
                "answer = pd.read_excel(data / 'orders.xlsx', 'customers', dtype=object)",
                "Exact copies are still",
            ),
            WrongAnswer(
                "answer = pd.read_excel(data / 'orders.xlsx', 'customers', dtype=object)"
                ".drop_duplicates()",
                "12 customers still stand twice",
            ),
            WrongAnswer(
                "answer = pd.read_excel(data / 'orders.xlsx', 'customers', dtype=object)"
                ".drop_duplicates(subset='city')",
                "gone altogether",
            ),
            WrongAnswer(
                "answer = pd.read_excel(data / 'orders.xlsx', 'customers').drop_duplicates()",
                "customer_id holds numbers",
            ),
            WrongAnswer(
                "customers = pd.read_excel(data / 'orders.xlsx', 'customers', dtype=object)\n"
                "answer = customers.map(lambda cell: str(cell).strip().casefold())"
                ".drop_duplicates()",
                "names lose their capitals",
            ),
        ),
    ),
    Exercise(
        id="01.4",
        check=_check_reopened,
        on_pass="A question about the desk, answered from a clean table in one line.",
        expects="a Series, one number a channel",
        setup="from course_utils.shop.clean import clean_tables\n"
        "shop = {'tickets': clean_tables().tickets}\n",
        hints=(
            "Group by channel, pick one column, aggregate it.",
            "The mean of a column of True and False is the share of True.",
            "sort_values(ascending=False) puts the largest first.",
        ),
        solution="""\
by_channel = shop["tickets"].groupby("channel")
answer = by_channel["reopened"].agg("mean").sort_values(ascending=False)
""",
        wrong_answers=(
            WrongAnswer(
                "answer = shop['tickets'].groupby('channel')['reopened'].agg('sum')",
                "Those are counts or percentages",
            ),
            WrongAnswer(
                "answer = shop['tickets'].groupby('channel')['reopened'].agg('mean').sort_values()",
                "in another order",
            ),
            WrongAnswer(
                "tickets = shop['tickets']\n"
                "answer = tickets.groupby('channel')['reopened'].agg('sum') / len(tickets)",
                "aren't those of the clean table",
            ),
            WrongAnswer(
                "answer = shop['tickets'].groupby('channel').agg({'reopened': 'mean'})",
                "it should be a Series",
            ),
            WrongAnswer(
                "answer = shop['tickets'].groupby('category')['reopened'].agg('mean')",
                "The index should hold the 5 channels",
            ),
        ),
    ),
)
