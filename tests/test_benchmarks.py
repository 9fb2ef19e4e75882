"""The harness of the benchmarks: turns, median, spread, ratio, table. Nothing is timed here."""

import json

import make_benchmarks
import pytest

from benchmarks import TOPICS
from benchmarks.__main__ import main
from benchmarks.comparison import HEAD, Comparison, aligned_table, figure, markdown_table
from benchmarks.measuring import Sample, rates_in_turns
from course_utils import runtime

FASTER = Comparison(
    "encoding", "texts", "texts/s", Sample((40.0, 60.0)), "others", Sample((20.0, 20.0)), goal=2.0
)
SLOWER = Comparison(
    "loading",
    "memory",
    "MB",
    Sample((300.0,)),
    "the result",
    Sample((150.0,)),
    less_is_better=True,
    goal=0.9,
    why_missed="Two copies.",
)
ALONE = Comparison("lessons", "00", "min", Sample((1.5,)))
MACHINE = {
    "processor": "Abacus",
    "cores": 2,
    "memory_gb": 8,
    "system": "Linux",
    "python": "3.11.7",
    "packages": {"torch": "2.13.0"},
    "day": "2026-01-02",
}


def run_of(*rows):
    plain = [row.as_json() for row in rows]
    return {"machine": MACHINE, "small": False, "seconds": {"encoding": 90}, "rows": plain}


def test_median_and_spread_are_those_of_the_rounds():
    sample = Sample((10.0, 30.0, 20.0))
    assert sample.median == 20.0
    assert sample.spread == 1.0


def test_each_round_runs_every_subject_and_the_order_turns_round():
    calls = []
    subjects = {"a": lambda: calls.append("a") or 1.0, "b": lambda: calls.append("b") or 1.0}
    rates = rates_in_turns(subjects, rounds=2, warm_ups=1)
    assert "".join(calls) == "ab" + "ab" + "ba"
    assert {name: len(sample.values) for name, sample in rates.items()} == {"a": 2, "b": 2}


def test_a_rate_is_the_amount_by_the_seconds(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 14.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    rates = rates_in_turns({"a": lambda: 10.0}, rounds=2, warm_ups=0)
    assert rates["a"].values == (5.0, 2.5)


def test_what_prepares_a_subject_runs_before_each_of_its_turns():
    calls = []
    rates_in_turns({"a": lambda: 1.0}, rounds=2, warm_ups=1, prepare=lambda: calls.append("p"))
    assert calls == ["p"] * 3


def test_no_rounds_are_refused():
    with pytest.raises(ValueError, match="rounds=0 is below 1"):
        rates_in_turns({"a": lambda: 1.0}, rounds=0)


def test_a_ratio_compares_the_rounds_in_pairs():
    assert FASTER.ratios.values == (2.0, 3.0)
    assert FASTER.reached


def test_where_less_is_better_the_ratio_is_the_other_way_about():
    assert SLOWER.ratios.values == (0.5,)
    assert SLOWER.reached is False


def test_a_figure_that_stands_alone_has_no_ratio_and_no_goal():
    assert ALONE.ratios is None
    assert ALONE.reached is None
    assert ALONE.cells() == ("00", "1.5 min", "", "", "", "", "", "")


@pytest.mark.parametrize("row", [FASTER, SLOWER, ALONE])
def test_a_row_comes_back_from_json(row):
    assert Comparison.from_json(json.loads(json.dumps(row.as_json()))) == row


def test_figures_have_three_digits():
    shown = [figure(Sample((value,)), "s") for value in (0.01234, 12.34, 1234.5)]
    assert shown == ["0.0123 s", "12.3 s", "1,234 s"]


def test_the_tables_have_a_line_for_each_row():
    lines = markdown_table([FASTER, ALONE]).splitlines()
    assert lines[0] == "| " + " | ".join(HEAD) + " |"
    assert lines[2] == (
        "| texts | 50 texts/s | others | 20 texts/s | 2.50 | 2.00 to 3.00 | 2 | yes |"
    )
    assert len(lines) == 4
    starts = [line.index("others") for line in aligned_table([FASTER]).splitlines()[1:]]
    assert starts == [aligned_table([FASTER]).splitlines()[0].index("against")]


def test_the_page_says_why_a_goal_is_missed_and_names_the_machine():
    page = make_benchmarks.page(run_of(FASTER, SLOWER))
    assert "Abacus, 2 cores, 8 GB, Linux, Python\n3.11.7, with torch 2.13.0" in page
    assert "Goal of 0.9 against the result not reached: 0.50. Two copies." in page
    assert page.count("not reached") == 1


def test_figures_of_a_small_run_make_no_page():
    with pytest.raises(ValueError, match="run make bench"):
        make_benchmarks.page(run_of(FASTER) | {"small": True})


def test_an_unknown_topic_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["cooking"])
    assert "no topic 'cooking'; use training, generation" in capsys.readouterr().err


def test_each_topic_is_a_module_with_a_title_on_the_page():
    folder = runtime.project_dir() / "benchmarks"
    assert [name for name in TOPICS if not (folder / f"{name}.py").is_file()] == []
    assert sorted(TOPICS) == sorted(make_benchmarks.TITLES)


@pytest.mark.skipif(not make_benchmarks.FIGURES.is_file(), reason="no run was taken over yet")
def test_the_committed_page_is_made_from_the_committed_figures():
    results = json.loads(make_benchmarks.FIGURES.read_text(encoding="utf-8"))
    assert make_benchmarks.PAGE.read_text(encoding="utf-8") == make_benchmarks.page(results)


def test_the_operations_of_a_training_are_those_that_torch_counts(make_llama):
    import torch
    from peft import LoraConfig
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.training_operations import count_operations
    from course_utils import lora
    from course_utils.lora.text_to_sql import LINEAR

    base = make_llama(hidden_size=64, intermediate_size=96)
    base.set_attn_implementation("eager")
    config = LoraConfig(r=4, target_modules=LINEAR, layers_to_transform=[1], task_type="CAUSAL_LM")
    row = {"input_ids": list(range(3, 15)), "labels": list(range(3, 15))}
    ours = count_operations(base, config, [row])
    model = lora.attach(base, config)
    batch = {name: torch.tensor([tokens]) for name, tokens in row.items()}
    with FlopCounterMode(display=False) as counter:
        model(**batch).loss.backward()
    # torch counts the half of attention that the mask hides, and no gradient into the first A.
    assert ours == pytest.approx(counter.get_total_flops(), rel=0.06)
