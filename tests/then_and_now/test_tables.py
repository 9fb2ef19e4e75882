"""Rows F: the notes' seventeen lines on pandas."""

import numpy as np
import pandas as pd
import pytest

from then_and_now.listening import listening, mentions

SALES = pd.DataFrame(
    {"shop": ["a", "a", "b", "b"], "sold": [1.0, 3.0, 8.0, np.nan], "note": ["x", "y", "z", "x"]}
)


@pytest.fixture
def sales():
    return SALES.copy()


@pytest.fixture
def csv(tmp_path):
    """Return a function that writes a CSV file and returns its path."""

    def write(text, encoding="utf-8"):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding=encoding)
        return path

    return write


@pytest.mark.row("F1")
def test_texts_are_of_type_str(csv):
    frame = pd.read_csv(csv("shop,sold\na,1\n"))
    assert frame["shop"].dtype == "str"
    assert frame["shop"].dtype != object
    with listening() as heard:
        assert list(frame.select_dtypes("object")) == ["shop"]
    assert mentions(heard, "Pandas4Warning")


@pytest.mark.row("F2")
def test_words_that_mean_missing_become_gaps(csv):
    path = csv("shop\nNA\nnull\nNone\nnan\nn\n")
    assert pd.read_csv(path)["shop"].isna().sum() == 4
    assert pd.read_csv(path, keep_default_na=False)["shop"].tolist()[0] == "NA"


@pytest.mark.row("F3")
def test_leading_zeros_are_lost(csv):
    path = csv("code\n007\n")
    assert pd.read_csv(path)["code"].tolist() == [7]
    assert pd.read_csv(path, dtype=str)["code"].tolist() == ["007"]


@pytest.mark.row("F4")
def test_a_csv_file_in_gbk_needs_its_encoding(csv):
    path = csv("name\n帐篷\n", encoding="gbk")
    with pytest.raises(UnicodeDecodeError):
        pd.read_csv(path)
    assert pd.read_csv(path, encoding="gbk")["name"].tolist() == ["帐篷"]


@pytest.mark.row("F5")
def test_read_excel_needs_openpyxl(tmp_path, monkeypatch, sales):
    path = tmp_path / "table.xlsx"
    sales.to_excel(path, index=False)
    assert pd.read_excel(path)["shop"].tolist() == ["a", "a", "b", "b"]
    monkeypatch.setitem(__import__("sys").modules, "openpyxl", None)
    with pytest.raises(ImportError, match="openpyxl"):
        pd.read_excel(path)


@pytest.mark.row("F6")
def test_head_and_tail_give_five_rows():
    frame = pd.DataFrame({"n": range(10)})
    assert frame.head()["n"].tolist() == [0, 1, 2, 3, 4]
    assert frame.tail()["n"].tolist() == [5, 6, 7, 8, 9]
    assert frame.tail(2)["n"].tolist() == [8, 9]


@pytest.mark.row("F7")
def test_loc_includes_the_end_and_iloc_does_not(sales):
    assert len(sales.loc[0:2]) == 3
    assert len(sales.iloc[0:2]) == 2


@pytest.mark.row("F8")
def test_query_takes_variables_and_names_with_spaces(sales):
    least = 2  # noqa: F841  the query reads it
    assert sales.query("sold > @least and shop == 'a'")["note"].tolist() == ["y"]
    spaced = sales.rename(columns={"sold": "sold today"})
    assert len(spaced.query("`sold today` > 2")) == 2


@pytest.mark.row("F9")
def test_filter_goes_by_labels_and_not_by_values(sales):
    assert list(sales.filter(like="o")) == ["shop", "sold", "note"]
    assert list(sales.filter(regex="^s")) == ["shop", "sold"]
    assert sales.filter([1, 3], axis=0).index.tolist() == [1, 3]
    with listening() as heard:
        assert sales.filter(sales["sold"] > 2).shape == (4, 0)
    assert mentions(heard, "UserWarning")
    assert sales[sales["sold"] > 2]["note"].tolist() == ["y", "z"]


@pytest.mark.row("F10")
def test_dropna_drops_rows_or_columns(sales):
    assert len(sales.dropna()) == 3
    assert list(sales.dropna(axis=1)) == ["shop", "note"]
    with pytest.raises(TypeError, match="cannot set both the how and thresh"):
        sales.dropna(how="any", thresh=1)


@pytest.mark.row("F11")
def test_inplace_is_on_its_way_out(sales):
    for name in ("dropna", "drop_duplicates"):
        with listening() as heard:
            assert getattr(sales.copy(), name)(inplace=True) is None
        assert mentions(heard, "Pandas4Warning"), name


@pytest.mark.row("F12")
def test_the_method_of_fillna_is_gone(sales):
    assert sales["sold"].fillna(0).tolist() == [1, 3, 8, 0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'method'"):
        sales["sold"].fillna(method="ffill")
    assert not hasattr(pd.Series, "pad")
    assert sales["sold"].ffill().tolist() == [1, 3, 8, 8]


@pytest.mark.row("F13")
def test_a_number_into_a_column_of_texts_warns():
    column = pd.Series(["a", None])
    with listening() as heard:
        assert column.fillna(0).tolist() == ["a", 0]
    assert mentions(heard, "Pandas4Warning")


@pytest.mark.row("F14")
def test_replace_takes_whole_cells():
    column = pd.Series(["a", "aa"])
    assert column.replace("a", "b").tolist() == ["b", "aa"]
    assert column.str.replace("a", "b").tolist() == ["b", "bb"]


@pytest.mark.row("F15")
def test_texts_replaced_by_numbers_stay_objects():
    with listening() as heard:
        replaced = pd.Series(["yes", "no"]).replace({"yes": 1, "no": 0})
    assert replaced.dtype == object
    assert heard == []
    assert replaced.infer_objects().dtype == np.int64
    assert pd.Series(["yes", "no"]).map({"yes": 1, "no": 0}).dtype == np.int64


@pytest.mark.row("F16")
def test_replace_needs_a_value_and_has_no_method():
    column = pd.Series(["a", "b"])
    with pytest.raises(ValueError, match="value"):
        column.replace("a")
    with pytest.raises(TypeError, match="unexpected keyword argument 'method'"):
        column.replace("a", method="ffill")


@pytest.mark.row("F17")
def test_duplicated_marks_the_later_copies():
    frame = pd.DataFrame({"id": [1, 1, 2]})
    assert frame.duplicated().tolist() == [False, True, False]
    assert frame.duplicated(keep=False).tolist() == [True, True, False]
    assert frame.drop_duplicates()["id"].tolist() == [1, 2]


@pytest.mark.row("F18")
def test_apply_goes_by_column_unless_axis_is_one():
    frame = pd.DataFrame({"a": [1, 2], "b": [10, 20]})
    assert frame.apply(lambda each: each.sum()).to_dict() == {"a": 3, "b": 30}
    with pytest.raises(KeyError, match="a"):
        frame.apply(lambda row: row["a"] + row["b"])
    assert frame.apply(lambda row: row["a"] + row["b"], axis=1).tolist() == [11, 22]


@pytest.mark.row("F19")
def test_a_row_of_whole_numbers_and_fractions_is_fractions():
    frame = pd.DataFrame({"n": [1], "x": [0.5]})
    assert frame.apply(lambda row: isinstance(row["n"], float), axis=1).tolist() == [True]


@pytest.mark.row("F20")
def test_applymap_is_map():
    frame = pd.DataFrame({"a": [1]})
    assert not hasattr(frame, "applymap")
    assert frame.map(lambda cell: cell + 1)["a"].tolist() == [2]


@pytest.mark.row("F21")
def test_the_builtin_sum_does_not_leave_gaps_out(sales):
    groups = sales.groupby("shop")["sold"]
    with listening() as heard:
        builtin = groups.agg(sum).tolist()
    assert builtin[0] == 4
    assert np.isnan(builtin[1])
    assert heard == []
    assert groups.agg("sum").tolist() == [4, 8]


@pytest.mark.row("F22")
def test_numpys_std_divides_by_n(sales):
    groups = sales.dropna().groupby("shop")["sold"]
    with listening() as heard:
        by_n = groups.agg(np.std)
    assert by_n["a"] == 1
    assert heard == []
    assert groups.agg("std")["a"] == pytest.approx(2**0.5)


@pytest.mark.row("F23")
def test_a_mean_of_texts_raises_and_their_sum_joins_them(sales):
    groups = sales.groupby("shop")
    with pytest.raises(TypeError, match="dtype 'str' does not support operation 'mean'"):
        groups.mean()
    assert groups["note"].agg("sum").tolist() == ["xy", "zx"]
    assert groups.mean(numeric_only=True)["sold"].tolist() == [2, 8]


@pytest.mark.row("F24")
def test_rows_without_a_key_are_left_out():
    frame = pd.DataFrame({"k": ["a", None], "n": [1, 2]})
    assert frame.groupby("k")["n"].sum().tolist() == [1]
    assert frame.groupby("k", dropna=False)["n"].sum().tolist() == [1, 2]


@pytest.mark.row("F25")
def test_groups_that_do_not_occur_are_left_out():
    kinds = pd.Categorical(["a", "a"], categories=["a", "b"])
    frame = pd.DataFrame({"k": kinds, "n": [1, 2]})
    assert frame.groupby("k")["n"].sum().to_dict() == {"a": 3}
    assert frame.groupby("k", observed=False)["n"].sum().to_dict() == {"a": 3, "b": 0}


@pytest.mark.row("F26")
def test_apply_on_groups_does_not_pass_the_key(sales):
    with pytest.raises(KeyError, match="shop"):
        sales.groupby("shop").apply(lambda group: group["shop"])
    assert sales.groupby("shop").apply(lambda group: group.name).tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="include_groups=True is no longer allowed"):
        sales.groupby("shop").apply(len, include_groups=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'axis'"):
        sales.groupby("shop", axis=0)


@pytest.mark.row("F27")
def test_merge_is_an_inner_join_and_multiplies_equal_keys():
    left = pd.DataFrame({"k": [1, 1, 2], "a": [1, 2, 3]})
    right = pd.DataFrame({"k": [1, 1, 3], "b": [4, 5, 6]})
    assert len(left.merge(right, on="k")) == 4
    with pytest.raises(pd.errors.MergeError, match="not unique"):
        left.merge(right, on="k", validate="many_to_one")


@pytest.mark.row("F28")
def test_gaps_match_gaps_in_a_merge():
    frame = pd.DataFrame({"k": ["a", None]})
    assert len(frame.merge(frame, on="k")) == 2


@pytest.mark.row("F29")
def test_keys_of_two_types_do_not_merge():
    with pytest.raises(ValueError, match="trying to merge on"):
        pd.DataFrame({"k": [1]}).merge(pd.DataFrame({"k": ["1"]}), on="k")


@pytest.mark.row("F30")
def test_pivot_table_takes_means(sales):
    assert sales.pivot_table(index="shop", values="sold")["sold"].tolist() == [2, 8]
    with pytest.raises(TypeError, match="mean"):
        sales.pivot_table(index="shop")


@pytest.mark.row("F31")
def test_sort_values_puts_gaps_last(sales):
    assert np.isnan(sales.sort_values(by="sold")["sold"].iloc[-1])
    assert np.isnan(sales.sort_values(by="sold", ascending=False)["sold"].iloc[-1])
    ordered = sales.sort_values(by=["shop", "sold"], ascending=[False, True])
    assert ordered["note"].tolist() == ["z", "x", "x", "y"]


@pytest.mark.row("F32")
def test_nlargest_wants_numbers_and_fills_up_with_gaps(sales):
    assert sales.nlargest(2, "sold")["sold"].tolist() == [8, 3]
    assert sales.nsmallest(1, "sold")["sold"].tolist() == [1]
    assert sales.nlargest(4, "sold")["sold"].isna().sum() == 1
    with pytest.raises(TypeError, match="dtype str, cannot use method 'nlargest'"):
        sales.nlargest(1, "shop")


@pytest.mark.row("F33")
def test_sample_draws_without_putting_back(sales):
    with pytest.raises(ValueError, match="Cannot take a larger sample"):
        sales.sample(5)
    assert sales.sample(2, random_state=0).equals(sales.sample(2, random_state=0))


@pytest.mark.row("F34")
def test_a_chained_assignment_changes_nothing_and_warns(sales):
    with listening() as heard:
        sales["sold"][0] = 9
        sales[sales["shop"] == "a"]["sold"] = 0
        sales["sold"].fillna(0, inplace=True)
    pd.testing.assert_frame_equal(sales, SALES)
    assert sum("ChainedAssignmentError" in message for message in heard) == 3
    sales.loc[0, "sold"] = 9
    assert sales["sold"].tolist()[0] == 9


@pytest.mark.row("F35")
def test_the_values_of_a_column_are_read_only(sales):
    with pytest.raises(ValueError, match="read-only"):
        sales["sold"].values[0] = 9
    array = sales["sold"].to_numpy(copy=True)
    array[0] = 9
    assert sales["sold"][0] == 1


@pytest.mark.row("F36")
def test_fillna_in_place_returns_the_frame(sales):
    with listening():
        assert sales.fillna(0, inplace=True) is sales
        assert sales.replace(0, 1, inplace=True) is sales
        assert sales.sort_values("sold", inplace=True) is None
