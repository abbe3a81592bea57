"""Gathering runs and scores, and reading measured numbers, against hand-computed ones."""

import json
import math
import shutil

import numpy as np
import pytest

from tests.report_tree import write_tree
from workflow.report import tables
from workflow.report.collect import (
    agree,
    as_text,
    collect,
    kept_pairs,
    summarise,
    summarise_measured,
)
from workflow.report.paired import covariance_of_means, on_common_units
from workflow.report.paper import paper
from workflow.report.pictures.captions import figure_captions
from workflow.report.text.contrast import difference
from workflow.report.text.notes import settings_frame
from workflow.report.values import measured, printed
from workflow.report.verdict.best import best_methods
from workflow.report.verdict.evidence import run_grid


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """(root, params, metrics) of two seeds."""
    root = tmp_path_factory.mktemp("results")
    params = write_tree(root, [0, 1])
    return root, params, collect(root, params, preset="quick")


def test_summary_by_hand():
    assert summarise([1.0, None, 4.0], diverged=1) == {
        "mean": 2.5,
        "std": pytest.approx(1.5 * math.sqrt(2)),
        "n": 2,
        "values": [1.0, None, 4.0],
        "diverged": 1,
    }
    assert summarise([3.0], diverged=0)["std"] is None
    assert summarise([None], diverged=1)["mean"] is None


def test_summary_keeps_the_errors_of_every_seed_and_counts_doubt():
    sure = {"value": 1.0, "se": 0.1, "interval": [0.7, 1.3], "doubtful": False}
    doubtful = {"value": 2.0, "se": None, "interval": None, "doubtful": True}
    summary = summarise_measured([sure, doubtful], diverged=0)
    assert summary["se"] == [0.1, None]
    assert summary["interval"] == [[0.7, 1.3], None]
    assert summary["doubtful"] == 1


def test_agreement_keeps_what_is_common_and_shows_what_differs():
    merged = agree([{"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 5, "d": 3}}])
    assert merged == {"a": 1, "b": {"c": {"differs": [2, 5]}, "d": 3}}


def test_text_is_the_same_content_with_short_lists_on_one_line():
    content = {"a": [1, None, [2.5, 3]], "text": "[ not a list ]", "b": {"c": []}}
    text = as_text(content)
    assert json.loads(text) == content
    assert "[2.5, 3]" in text


def test_collected_means_by_hand(tree):
    _, _, metrics = tree
    # vae is method 0: base 1 at seed 0 and 3 at seed 1.
    cost = metrics["datasets"]["mnist"]["methods"]["vae"]["reconstruction.sampled.cost"]
    assert cost["values"] == [1.0, 3.0]
    assert (cost["mean"], cost["std"], cost["n"]) == (2.0, pytest.approx(math.sqrt(2)), 2)
    assert metrics["provenance"]["commit"] == "c" * 40
    assert metrics["provenance"]["last_run"].startswith("2020-01-02")
    assert metrics["seconds"]["training"] == 2.0 * 5 * 4 * 2
    assert metrics["protocols"]["nll"]["mnist"] == {"count": 7, "scale": {"differs": [0, 1]}}
    assert metrics["datasets"]["celeba"]["meta"]["synthetic"] is True
    assert metrics["levels"] == {"small": 0.1, "large": 0.5}


def test_precisions_of_mixed_machines_are_shown(tree):
    _, _, metrics = tree
    assert metrics["datasets"]["mnist"]["precision"] == ["bf16", "fp32"]
    assert list(settings_frame(metrics)["arithmetic"]) == ["bf16, fp32"] * 4


def test_diverged_runs_are_counted_not_averaged(tree):
    root, params, metrics = tree
    fid = measured(metrics, "celeba", "beta_vae_high", "fid.fid.test")
    assert (fid.mean, fid.n, fid.diverged, fid.se) == (14.0, 1, 1, 0.3)
    one = collect(root, params | {"seeds": [0]}, preset="quick")
    lost = measured(one, "celeba", "beta_vae_high", "fid.fid.test")
    assert (lost.mean, lost.diverged, lost.undefined) == (None, 1, False)


def test_undefined_is_told_from_not_run(tree):
    _, _, metrics = tree
    assert measured(metrics, "mnist", "vae", "information.rate").undefined
    assert not measured(metrics, "mnist", "vae", "information.nothing").undefined


def test_only_what_is_named_is_read(tree):
    root, params, _ = tree
    metrics = collect(root, params | {"seeds": [1], "datasets": ["mnist"]}, preset="quick")
    assert list(metrics["datasets"]) == ["mnist"]
    assert metrics["datasets"]["mnist"]["methods"]["vae"]["nll.nll"]["values"] == [93.0]


def test_missing_score_is_an_error_that_names_the_file(tree):
    root, params, _ = tree
    with pytest.raises(FileNotFoundError, match=r"runs/mnist/vae/seed7/run\.json: missing"):
        collect(root, params | {"seeds": [0, 7]}, preset="quick")


def test_partial_record_leaves_out_what_is_missing_and_keeps_seeds_in_place(tree):
    root, params, _ = tree
    metrics = collect(root, params | {"seeds": [7, 1]}, preset="paper", partial=True)
    mnist = metrics["datasets"]["mnist"]
    nll = mnist["methods"]["vae"]["nll.nll"]
    assert (nll["values"], nll["n"]) == ([None, 93.0], 1)
    assert list(mnist["paired"]["nll.nll"]["covariance"]) == ["1"]


def test_record_keeps_what_its_array_files_told(tmp_path):
    params = write_tree(tmp_path, [0, 1])
    whole = collect(tmp_path, params, preset="paper")
    for path in [*tmp_path.glob("scores/*/*/*/seed0.npz"), *tmp_path.glob("data/*.npz")]:
        path.unlink()
    options = {"preset": "paper", "partial": True}
    assert collect(tmp_path, params, **options, kept=whole) == whole
    # What a method is called is no error; matrices of another order and of other methods are read
    # by name.
    labels = params | {
        "methods": [m | {"label": f"{m['label']}, renamed"} for m in whole["methods"]]
    }
    renamed = collect(tmp_path, labels, **options, kept=whole)
    assert renamed["datasets"]["mnist"]["paired"] == whole["datasets"]["mnist"]["paired"]
    *others, last = whole["methods"]
    other = collect(tmp_path, params | {"methods": [last, *others[1:]]}, **options, kept=whole)
    was, now = (of["datasets"]["mnist"]["paired"]["nll.nll"]["covariance"] for of in (whole, other))
    assert list(now) == ["0", "1"]
    assert now["0"][0][0] == was["0"][-1][-1] and now["0"][0][1] == was["0"][-1][1]
    added = collect(tmp_path, params, **options, kept=other)["datasets"]["mnist"]["paired"]
    assert added["nll.nll"]["covariance"]["0"][0] == [None] * len(whole["methods"])


def test_errors_of_methods_whose_array_files_are_gone_are_kept():
    old = {"units": 9, "covariance": {"0": [[1.0, 0.5], [0.5, 2.0]], "1": [[4.0, 0.0], [0.0, 4.0]]}}
    new = {
        "units": 9,
        "covariance": {"0": [[1.5, None], [None, None]], "2": [[7.0, 0.0], [0.0, 7.0]]},
    }
    found = kept_pairs({"nll.nll": new}, {"nll.nll": old})["nll.nll"]["covariance"]
    assert found["0"] == [[1.5, 0.5], [0.5, 2.0]] and found.keys() == {"0", "1", "2"}
    other = new | {"units": 8}  # of other images: nothing can be taken over
    assert kept_pairs({"nll.nll": other}, {"nll.nll": old})["nll.nll"] == other


def test_partial_record_leaves_out_a_dataset_that_never_ran(tmp_path):
    params = write_tree(tmp_path, [0])
    shutil.rmtree(tmp_path / "runs" / "celeba")
    (tmp_path / "data" / "celeba.npz").unlink()
    metrics = collect(tmp_path, params, preset="paper", partial=True)
    assert "celeba" not in metrics["datasets"] and "mnist" in metrics["datasets"]
    assert "celeba" not in " ".join(figure_captions(metrics))
    assert "III" in tables.document([("run", metrics)], "figures")


def test_covariance_of_means_by_hand():
    # Variances 5/3 and 20/3, covariance 10/3 over four units; of the means a quarter of that,
    # to six significant digits.
    matrix = covariance_of_means([np.array([1, 2, 3, 4]), None, np.array([2, 4, 6, 8])])
    assert matrix == [[0.416667, None, 0.833333], [None] * 3, [0.833333, None, 1.66667]]


def test_units_are_matched_by_index_not_by_place():
    first = (np.array([1.0, 2.0, 3.0]), np.array([7, 8, 9]))
    second = (np.array([30.0, 20.0, 5.0]), np.array([9, 8, 1]))
    one, none, other = on_common_units([first, None, second])
    assert list(one) == [2.0, 3.0] and none is None and list(other) == [20.0, 30.0]


def test_repeats_are_matched_by_place_and_infinite_values_left_out():
    no_indices = np.empty(0, int)
    one, other = on_common_units(
        [(np.array([1.0, 2.0]), no_indices), (np.array([3.0, np.inf]), no_indices)]
    )
    assert list(one) == [1.0, 2.0] and other is None


def test_paired_covariances_of_a_run(tree):
    _, _, metrics = tree
    entry = metrics["datasets"]["mnist"]["paired"]["nll.nll"]
    # Every method has the units 0, 1, 2, 5 plus a constant: variance 14/3, of the mean 14/12.
    matrix = entry["covariance"]["0"]
    assert entry["units"] == 4
    assert matrix[0][0] == matrix[0][1] == matrix[3][4] == pytest.approx(14 / 12, rel=1e-5)


def test_one_seed_has_the_estimators_own_error_and_interval(tree):
    root, params, _ = tree
    one = collect(root, params | {"seeds": [0]}, preset="quick")
    nll = measured(one, "mnist", "vae", "nll.nll")
    assert (nll.se, nll.interval, nll.std) == (0.2, (90.5, 91.5), None)
    # A Student interval of three repeats is 4.303 standard errors wide: neither is made of the other.
    clean = measured(one, "mnist", "vae", "robustness.tsvm.clean")
    assert clean.se == 1.0
    assert clean.interval == pytest.approx((91 - 4.303, 91 + 4.303))


def test_several_seeds_have_a_student_interval(tree):
    _, _, metrics = tree
    # Seeds 1 and 3: std sqrt(2), standard error 1, and t_.975 with one degree of freedom is 12.706.
    cost = measured(metrics, "mnist", "vae", "reconstruction.sampled.cost")
    assert cost.se == pytest.approx(1.0)
    assert cost.interval == pytest.approx((2 - 12.7062, 2 + 12.7062), abs=1e-3)


def with_values(values: dict[str, list[float]], se=None, covariance=None, name="s.v") -> dict:
    """Metrics of one value of some methods, made by hand."""
    count = len(next(iter(values.values())))
    methods = {}
    for method, seeds in values.items():
        entries = [{"value": v, "se": se, "interval": None, "doubtful": False} for v in seeds]
        methods[method] = {name: summarise_measured(entries, diverged=0)}
    paired = covariance and {name: {"units": 100, "covariance": {"0": covariance}}}
    dataset = {"methods": methods, "runs": {}, "paired": paired or {}}
    return {
        "methods": [{"name": name, "label": name} for name in values],
        "seeds": list(range(count)),
        "datasets": {"d": dataset},
    }


def test_best_of_one_seed_by_errors_of_the_difference():
    values = {"a": [1.0], "b": [1.2], "c": [2.0]}
    alone = with_values(values, se=0.1)  # the difference has 0.14: 1.2 is alike, 2.0 is not
    assert best_methods(alone, "d", "s.v", "lower") == {"a", "b"}
    assert best_methods(alone, "d", "s.v", "higher") == {"c"}
    # The same errors, but shared: a and b differ by 0.2 with an error of 0.02.
    shared = [[0.01, 0.0098, 0.0], [0.0098, 0.01, 0.0], [0.0, 0.0, 0.01]]
    paired = with_values(values, se=0.1, covariance=shared)
    assert best_methods(paired, "d", "s.v", "lower") == {"a"}


def test_best_of_several_seeds_by_their_spread():
    values = {"a": [1.0, 1.1, 0.9], "b": [1.1, 0.9, 1.0], "c": [5.0, 5.1, 4.95]}
    metrics = with_values(values)
    assert best_methods(metrics, "d", "s.v", "lower") == {"a", "b"}
    assert best_methods(metrics, "d", "s.v", "higher") == {"c"}


def test_best_are_those_that_a_difference_as_verdicts_take_it_leaves_open():
    """Accuracies are compared as logits: in points the spread of b alone would leave all open."""
    name, values = "robustness.tsvm.clean", {"a": [2.0, 2.1, 1.9], "b": [10.0, 14.0, 28.0]}
    metrics = with_values(values | {"c": [9.0, 13.0, 20.0]}, name=name)
    best, grid = best_methods(metrics, "d", name, "higher"), run_grid(metrics, "d", name)
    assert best == {"b", "c"}
    for number, method in enumerate("ac"):
        low, high = difference(grid, 1, 2 * number, name).interval
        assert (method in best) == (low <= 0 <= high)


def test_best_without_any_error_is_the_best_mean_alone():
    metrics = with_values({"a": [1.0], "b": [1.0], "c": [1.1]})
    assert best_methods(metrics, "d", "s.v", "lower") == {"a", "b"}
    assert best_methods(metrics, "d", "s.other", "lower") == set()


def test_a_doubtful_value_is_not_among_the_best_by_its_spread():
    """Its seeds' spread says nothing; without the doubt it would be among the best."""
    metrics = with_values({"a": [1.0, 1.1, 0.9], "b": [2.0, 2.1, 1.9], "c": [-50.0, 90.0, 7.0]})
    assert best_methods(metrics, "d", "s.v", "lower") == {"a", "c"}
    metrics["datasets"]["d"]["methods"]["c"]["s.v"]["doubtful"] = 1
    assert best_methods(metrics, "d", "s.v", "lower") == {"a"}


def test_error_of_a_printed_accuracy_is_binomial():
    clean = printed(paper().tables["III"], "clean", "vae")  # 30 % of 100 images
    assert clean.se == pytest.approx(100 * math.sqrt(0.3 * 0.7 / 100))
    assert clean.interval == pytest.approx((30 - 1.96 * clean.se, 30 + 1.96 * clean.se))
    assert printed(paper().tables["I"], "mnist", "vae").se is None
