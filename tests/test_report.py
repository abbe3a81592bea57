"""The report against hand-computed numbers, on a small results tree made here."""

import json
import math
import re
import shutil

import pandas as pd
import pytest

from data.files import read_json, write_json
from tests.report_tree import METHODS, write_tree
from workflow.report import claims, frames, notes, tables
from workflow.report.collect import agree, collect, flatten, summarise
from workflow.report.paper import paper
from workflow.report.values import Value, measured, printed, table_value


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """(root, params, metrics) of two seeds."""
    root = tmp_path_factory.mktemp("results")
    params = write_tree(root, [0, 1])
    return root, params, collect(root, params, preset="quick")


def test_flatten_keeps_numbers_and_names_them():
    nested = {"a": {"b": 1, "c": {"0.5": 2.5}}, "ok": True, "text": "x", "none": None, "l": [3, 4]}
    expected = {"a.b": 1.0, "a.c.0.5": 2.5, "ok": 1.0, "l.0": 3.0, "l.1": 4.0}
    assert flatten(nested) == expected


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


def test_agreement_keeps_what_is_common_and_shows_what_differs():
    merged = agree([{"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 5, "d": 3}}])
    assert merged == {"a": 1, "b": {"c": {"differs": [2, 5]}, "d": 3}}


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


def test_diverged_runs_are_counted_not_averaged(tree):
    _, _, metrics = tree
    fid = metrics["datasets"]["celeba"]["methods"]["beta_vae_high"]["fid.test.value"]
    assert fid == {"mean": 14.0, "std": None, "n": 1, "values": [None, 14.0], "diverged": 1}
    value = measured(metrics, "celeba", "beta_vae_high", "fid.test.value")
    assert frames.number(value, 1) == "14.0, diverged (1/2)"


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        ({"commit": "abc", "dirty": False}, "commit abc"),
        ({"commit": "abc", "dirty": True}, "commit abc + uncommitted changes"),
        ({"commit": "abc", "dirty": {"differs": [False, True]}}, "commit abc (some runs with"),
        ({"commit": None, "dirty": None, "code_sha256": "def"}, "code def, commit unknown"),
    ],
)
def test_the_code_of_a_run_is_named(origin, text):
    assert notes.code_version(origin).startswith(text)


def test_all_seeds_diverged(tree):
    root, params, _ = tree
    metrics = collect(root, params | {"seeds": [0]}, preset="quick")
    table = paper().tables["II"]
    value = table_value(metrics, table, "celeba", "z mean", "beta_vae_high")
    assert frames.number(value, 2) == "diverged (1/1)"


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
    nll = metrics["datasets"]["mnist"]["methods"]["vae"]["nll.nll"]
    assert (nll["values"], nll["n"]) == ([None, 93.0], 1)


def test_partial_record_leaves_out_a_dataset_that_never_ran(tmp_path):
    params = write_tree(tmp_path, [0])
    shutil.rmtree(tmp_path / "runs" / "celeba")
    (tmp_path / "data" / "celeba.npz").unlink()
    metrics = collect(tmp_path, params, preset="paper", partial=True)
    assert "celeba" not in metrics["datasets"] and "mnist" in metrics["datasets"]
    assert "celeba" not in " ".join(notes.figure_names(metrics))
    assert "III" in tables.document([("run", metrics)], "figures")


def test_record_without_a_single_run_says_so(tree):
    root, params, _ = tree
    metrics = collect(root, params | {"seeds": [7]}, preset="paper", partial=True)
    text = tables.document([("run", metrics)], "figures")
    assert all(cell for row in cells(text) for cell in row)
    assert "holds 0, within noise 0, does not hold 0" in text


def test_error_of_one_seed_is_the_estimators(tree):
    root, params, metrics = tree
    one = collect(root, params | {"seeds": [0]}, preset="quick")
    assert measured(one, "mnist", "vae", "nll.nll").error == 0.2
    assert measured(one, "cifar10", "vae", "fid.test.value").error == 0.3
    assert measured(one, "mnist", "vae", "robustness.tsvm.clean.mean").error == pytest.approx(1)
    # Two seeds, 1 and 3: std sqrt(2), so the error of their mean is 1.
    cost = measured(metrics, "mnist", "vae", "reconstruction.sampled.cost")
    assert cost.error == pytest.approx(1.0)


def test_the_papers_numbers():
    """Columns transcribed from the paper's text, independently of the rows in paper.yaml."""
    columns = {
        ("I", "mnist"): [1158, 1113, 1123, 1169, 1171],
        ("I", "omniglot"): [1224, 1254, 1228, 1190, 1223],
        ("I", "cifar10"): [168, 262, 174, 103, 104],
        ("I", "celeba"): [82, None, 89, 56, 55],
        ("II", "mnist"): [0.51, 0.62, 0.5, 0.47, 0.48],
        ("II", "omniglot"): [0.75, 0.75, 5.7, 0.75, 0.76],
        ("II", "cifar10"): [8.29, 9.8, 89, 4.74, 4.85],
        ("II", "celeba"): [17.29, None, 17.6, 16.65, 16.74],
        ("III", "clean"): [30, 29, 31, 29, 32],
        ("III", "gaussian_large"): [25, 26, 31, 28, 34],
        ("III", "mask_large"): [16, 19, 18, 23, 23],
        ("IV", "clean"): [80, 92, 93, 93, 93],
        ("IV", "gaussian_small"): [77, 86, 66, 92, 92],
        ("IV", "gaussian_large"): [70, 82, 13, 86, 88],
        ("IV", "mask_small"): [72, 91, 85, 92, 92],
        ("IV", "mask_large"): [52, 84, 65, 86, 87],
        ("V", "clean"): [22, 21, 22, 22, 24],
        ("V", "gaussian_small"): [22, 21, 22, 23, 23],
        ("V", "gaussian_large"): [17, 22, 21, 24, 20],
        ("V", "mask_small"): [22, 19, 21, 22, 23],
        ("V", "mask_large"): [16, 17, 24, 22, 22],
    }
    found = {
        (name, column): [table.printed(method, column) for method in paper().methods]
        for name, table in paper().tables.items()
        for column in table.columns
    }
    assert found == columns


def test_error_of_a_printed_accuracy_is_binomial():
    clean = printed(paper().tables["III"], "clean", "vae")  # 30 % of 100 images
    assert clean.error == pytest.approx(100 * math.sqrt(0.3 * 0.7 / 100))
    assert printed(paper().tables["I"], "mnist", "vae").error is None


def value(mean: float, error: float | None = 1.0) -> Value:
    return Value(mean, n=1, error=error)


@pytest.mark.parametrize(
    ("better", "worse", "direction", "verdict"),
    [
        ({"a": value(20)}, {"b": value(10)}, "higher", "holds"),
        ({"a": value(20)}, {"b": value(10)}, "lower", "does not hold"),
        ({"a": value(12)}, {"b": value(10)}, "higher", "within noise"),  # 2 < 2 sqrt(2)
        ({"a": value(13)}, {"b": value(10)}, "higher", "holds"),  # 3 > 2 sqrt(2)
        ({"a": value(10.1, None)}, {"b": value(10)}, "higher", "holds"),
        ({"a": value(10, None)}, {"b": value(10, None)}, "higher", "within noise"),
        # The weakest of one side against the strongest of the other.
        (
            {"a": value(50), "c": value(20)},
            {"b": value(30), "d": value(5)},
            "higher",
            "does not hold",
        ),
        # A method that diverged is no rival and cannot win; one that was not run leaves it open.
        ({"a": value(50)}, {"b": Value(None, diverged=1), "d": value(5)}, "higher", "holds"),
        ({"a": Value(None, diverged=1)}, {"b": value(5)}, "higher", "does not hold"),
        ({"a": Value(None)}, {"b": value(5)}, "higher", "not tested"),
        ({"a": value(50)}, {"b": Value(None), "d": value(5)}, "higher", "not tested"),
    ],
)
def test_rule_of_the_claims(better, worse, direction, verdict):
    assert claims.judge(better, worse, direction).verdict == verdict


def test_claims_on_the_papers_own_numbers():
    verdicts = {
        (claim.claim, claim.dataset): claims.judge(*claim.sides(None), claim.table.better)
        for claim in claims.load_claims()
    }
    fid = verdicts["Both VIMAEs generate better than every ELBO model", "CelebA"]
    assert fid.verdict == "holds" and not fid.has_error
    # 34 against 32 % of 100 test images is nothing: two standard errors are 13 points.
    assert verdicts["Noise improves VIMAE-l's accuracy", "Omniglot"].verdict == "within noise"
    mask = verdicts["Both VIMAEs stay more accurate than the VAE under large mask noise", "MNIST"]
    assert mask.verdict == "holds" and mask.has_error


def cells(markdown: str) -> list[list[str]]:
    """Cells of every table row, rules left out."""
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    return [
        [cell.strip() for cell in row.strip("|").split("|")] for row in rows if "|:--" not in row
    ]


def test_tables_are_complete(tree, tmp_path):
    root, params, metrics = tree
    record = collect(root, params | {"seeds": [1]}, preset="paper")
    text = tables.document([("record", record), ("run", metrics)], "quick/figures")
    assert [text.count(f"### Table {name}:") for name in paper().tables] == [1] * 5
    assert all(cell for row in cells(text) for cell in row)
    for name in METHODS:
        assert (
            text.count(f"| {name.upper()} ") >= 7
        )  # two blocks of I and II, one at least of III-V
    for wanted in (
        "5.7†",
        "89†",
        "CelebA (synthetic stand-in) FID-64 run",
        "14.0, diverged (1/2)",
        "shallow layer",
        "quick/figures/figure4_celeba.png",
        "Protocol (run)",
    ):
        assert wanted in text


def test_record_column_only_where_there_is_a_record(tree):
    _, _, metrics = tree
    table = paper().tables["IV"]
    alone = frames.table_frame(table, table.blocks[0], [("run", metrics)])
    beside = frames.table_frame(table, table.blocks[0], [("record", metrics), ("run", metrics)])
    assert len(alone.columns) == 1 + 5 * 2 and len(beside.columns) == 1 + 5 * 3
    assert alone.loc[0, "Gauss 0.5 paper"] == "70"
    assert alone.loc[0, "Gauss 0.5 run"] == "52.0 ± 1.4 (2)"  # 51 and 53
    assert "record" not in " ".join(alone.columns)


def test_capacity_table(tree):
    root, params, _ = tree
    frame = frames.capacity_frame(collect(root, params | {"seeds": [0]}, preset="quick"))
    assert list(frame["dataset"]) == ["MNIST"] * 5
    assert list(frame["rate"]) == ["∞"] * 5
    # Bases 1, 2, ...: only the first is below 2, where the estimator says that it saturated.
    assert list(frame["I(x; y), at least"]) == ["1.00‡", "2.00", "3.00", "4.00", "5.00"]


def test_every_file_of_the_tables_is_written(tree, tmp_path, monkeypatch):
    _, _, metrics = tree
    write_json(tmp_path / "quick" / "metrics.json", metrics)
    monkeypatch.setattr(
        "sys.argv",
        [
            *("tables", "--metrics", f"{tmp_path}/quick/metrics.json"),
            *("--record", f"{tmp_path}/none.json", "--tables-dir", f"{tmp_path}/quick/tables"),
            *("--summary", f"{tmp_path}/quick/summary.json"),
            *("--out-md", f"{tmp_path}/quick/tables.md", f"{tmp_path}/tables.md"),
        ],
    )
    tables.main()
    for stem in (
        "table1",
        "table2",
        "table3",
        "table4",
        "table5",
        "table6_capacity",
        "claims",
        "runs",
    ):
        frame = pd.read_csv(tmp_path / "quick" / "tables" / f"{stem}.csv", keep_default_na=False)
        assert len(frame) and (frame != "").all(axis=None)
        latex = (tmp_path / "quick" / "tables" / f"{stem}.tex").read_text()
        assert not re.search(r"(?<!\\)%", latex)  # a bare one would comment out the rest
        assert r"\begin{tabular}" in latex
        assert {character for character in latex if not character.isascii()} <= {"é"}
    assert "(quick/figures/figure1_mnist.svg)" in (tmp_path / "tables.md").read_text()
    assert "(figures/figure1_mnist.svg)" in (tmp_path / "quick" / "tables.md").read_text()
    summary = read_json(tmp_path / "quick" / "summary.json")
    assert summary["mnist"]["vae"]["TSVM Gauss 0.5"] == 52.0


def test_part_of_celeba_is_counted_in_its_heads(tmp_path):
    params = write_tree(tmp_path, [0], synthetic=False)
    metrics = collect(tmp_path, params, preset="paper")
    table = paper().tables["II"]
    frame = frames.table_frame(table, table.blocks[1], [("run", metrics)])
    assert "CelebA (15,000 + 3 images) z mean run" in frame.columns
    assert any("CelebA 15,000 of 162,770" in r for r in notes.deviations(metrics, table))


def test_nothing_to_excuse_at_full_scale(tree):
    _, _, metrics = tree
    full = json.loads(json.dumps(metrics))
    mnist = full["datasets"]["mnist"]
    mnist["meta"]["counts"] = mnist["meta"]["official_counts"]
    mnist["settings"]["model"]["width"] = 1.0
    assert notes.deviations(full, paper().tables["IV"]) == []
    assert notes.deviations(metrics, paper().tables["IV"]) != []
