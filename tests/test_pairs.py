"""Differences of any two methods, as findings quote them."""

import itertools

import numpy as np
import pytest
from scipy import stats

from data.files import read_json
from workflow.pairs import document
from workflow.report.labels import dataset_label
from workflow.report.text.contrast import PAIR, contrast_frame, contrasts, difference
from workflow.report.verdict.evidence import run_grid
from workflow.report.verdict.judge import judge_all
from workflow.settings import ROOT

VALUE = "information.active_units"  # which verdicts do not compare, hence plainly


def metrics(values: dict[str, list]) -> dict:
    methods = {name: {VALUE: {"values": of, "se": [None] * len(of)}} for name, of in values.items()}
    dataset = {"methods": methods, "runs": {}}
    named = [{"name": name} for name in values]
    return {"seeds": [0, 1, 2], "methods": named, "datasets": {"mnist": dataset}}


def test_a_difference_has_the_error_of_a_paired_t_test():
    values = np.random.default_rng(0).normal(size=(4, 3))
    of = metrics(dict(zip("abcd", values.tolist(), strict=True)))
    grid = run_grid(of, "mnist", VALUE)
    for first, second in itertools.permutations(range(4), 2):
        effect = difference(grid, first, second, VALUE)
        reference = stats.ttest_rel(values[first], values[second]).confidence_interval()
        assert effect.value == pytest.approx((values[first] - values[second]).mean())
        assert effect.interval == pytest.approx((reference.low, reference.high))


def test_methods_without_a_value_are_left_out():
    text = document(
        metrics({"a": [1.0, 2.0, 4.0], "b": [None] * 3, "c": [3.0, 3.0, 4.0]}), "mnist", VALUE
    )
    assert "a - c" in text and "| b" not in text and "seed 2 |" in text
    chosen = document(
        metrics({"a": [1.0], "b": [2.0], "c": [3.0]}) | {"seeds": [0]}, "mnist", VALUE, ["a", "c"]
    )
    assert "a - c" in chosen and "| b" not in chosen and "seed 1" not in chosen


def test_a_difference_of_what_is_doubtful_is_marked():
    of = metrics({"a": [1.0, 2.0, 4.0], "b": [3.0, 3.0, 4.0], "c": [1.0, 1.0, 1.0]})
    of["datasets"]["mnist"]["methods"]["a"][VALUE]["doubtful"] = 1
    lines = document(of, "mnist", VALUE).splitlines()
    (first,) = (line for line in lines if "| a - b" in line)
    (second,) = (line for line in lines if "| b - c" in line)
    assert "‡" in first and "‡" not in second


def test_the_effect_of_a_verdict_is_found_again():
    """VIMAE-n less VIMAE-l, which one statement compares alone, by logarithms."""
    of = read_json(ROOT / "results" / "narrow" / "metrics.json")
    (judged,) = (j for j in judge_all(of) if j.statement.id == "n_reconstructs_better")
    effect = judged.outcome.effect
    assert "VIMAE-n vs VIMAE-l" in effect.what
    dataset = judged.statement.cells[judged.outcome.place[0]].dataset
    text = document(of, dataset, "reconstruction.sampled.cost", ["vimae_n", "vimae_l"])
    assert f"vimae_n - vimae_l | {effect}" in " ".join(text.split())
    frame = contrast_frame(of, "vimae_n", "vimae_l").set_index("value")
    cell = frame.loc["error, z sampled", dataset_label(of, dataset)]
    printed = {"mnist": 0.47 / 0.48, "cifar10": 4.74 / 4.85}[dataset]
    assert cell == f"{effect}, paper {100 * (printed - 1):+.1f}"


def test_what_is_not_there_is_named_with_what_is():
    of = metrics({"a": [1.0, 2.0, 4.0]})
    assert document(of, "mnist", "") == VALUE
    with pytest.raises(ValueError, match="omniglot: no dataset there; there are mnist"):
        document(of, "omniglot", VALUE)
    with pytest.raises(ValueError, match=f"nll: no value of mnist; there are {VALUE}"):
        document(of, "mnist", "nll")
    for value in (VALUE, ""):
        with pytest.raises(ValueError, match="z: not there; there are a"):
            document(of, "mnist", value, ["z"])
    with pytest.raises(ValueError, match="a a: .* name each once"):
        document(of, "mnist", VALUE, ["a", "a"])


def test_who_diverged_is_named_beside_what_the_others_show():
    of = read_json(ROOT / "results" / "narrow" / "metrics.json")
    values = of["datasets"]["mnist"]["methods"]["vae"]["reconstruction.sampled.cost"]
    values |= {"values": [None, *values["values"][1:]], "diverged": 1, "n": values["n"] - 1}
    frame = contrast_frame(of, *PAIR).set_index("value")
    cells = frame[dataset_label(of, "mnist")]
    assert cells["error, z sampled"].endswith(f"; VAE diverged (1/{values['n'] + 1})")
    assert "diverged" not in cells["error, z mean"]


def test_a_cell_of_fewer_seeds_than_its_column_says_so():
    of = read_json(ROOT / "results" / "narrow" / "metrics.json")
    for values in of["datasets"]["cifar10"]["methods"].values():
        values["fid.fid.test"]["values"][1:] = [None, None]
    cells = contrast_frame(of, *PAIR).set_index("value")[dataset_label(of, "cifar10")]
    assert cells["seeds"] == "3" and " (1 seed), paper" in cells["FID"]
    assert "seed" not in cells["KID"] + cells["error, z sampled"]


def test_without_one_of_the_two_there_is_no_table_of_their_difference():
    sources = [("record", metrics({"vae": [1.0], "vimae_l": [2.0]}))]
    assert contrasts(sources) == []
    with pytest.raises(ValueError, match="vimae_n: not there; there are vae, vimae_l"):
        contrast_frame(sources[0][1], *PAIR)
