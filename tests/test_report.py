"""The tables against hand-computed numbers, on a small results tree made here."""

import json
import re
from copy import deepcopy

import pandas as pd
import pytest

from data.files import read_json, write_json
from tests.report_tree import METHODS, SCORED, write_tree
from workflow.report import tables
from workflow.report.collect import collect
from workflow.report.paper import paper
from workflow.report.text import frames, notes
from workflow.report.text.beyond import further_tables
from workflow.report.text.cells import number, with_interval
from workflow.report.text.plain import plain_frames
from workflow.report.text.readings import reading
from workflow.report.values import Value, table_value


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """(root, params, metrics) of two seeds."""
    root = tmp_path_factory.mktemp("results")
    params = write_tree(root, [0, 1])
    return root, params, collect(root, params, preset="quick")


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """Metrics of a run with a dataset and a score that the paper does not have."""
    root = tmp_path_factory.mktemp("results")
    scored = {score: [*wanted, "sheep"] for score, wanted in SCORED.items()}
    params = write_tree(root, [0], scored=scored | {"novelty": ["mnist", "sheep"]})
    return collect(root, params, preset="quick")


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


def test_cells_by_hand():
    assert number(Value(21.04, n=1), 1) == "21.0"
    assert number(Value(0.0123, n=1), 1) == "0.0123"
    assert number(Value(21.04, std=0.5, n=3, doubtful=1), 1) == "21.0‡ ± 0.5 (3)"
    assert number(Value(14.0, n=1, diverged=1), 1) == "14.0, diverged (1/2)"
    assert number(Value(None, diverged=2), 1) == "diverged (2/2)"
    assert number(Value(None, undefined=True), 1) == "∞"
    assert number(Value(None), 1) == "not run"
    assert with_interval(Value(2.0, se=0.1, interval=(1.5, 2.5), n=1)) == "2 [1.5, 2.5]"
    assert with_interval(Value(2.0, interval=(1.5, 2.5), n=3)) == "2 [1.5, 2.5] (3)"


def test_all_seeds_diverged(tree):
    root, params, _ = tree
    metrics = collect(root, params | {"seeds": [0]}, preset="quick")
    value = table_value(metrics, paper().tables["II"], "celeba", "z mean", "beta_vae_high")
    assert number(value, 2) == "diverged (1/1)"


def test_record_without_a_single_run_says_so(tree):
    root, params, _ = tree
    metrics = collect(root, params | {"seeds": [7]}, preset="paper", partial=True)
    text = tables.document([("run", metrics)], "figures")
    assert all(cell for row in cells(text) for cell in row)
    assert "not tested" in text


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
    assert text.count("## VIMAE-n less the VAE") == 1
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
        "<details><summary>How it was measured (run)</summary>",
        "preset `paper`: networks 1/8 of the reference's width, epochs 2, 1 seed",
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


def test_the_record_is_read_at_the_levels_that_the_heads_name(tree):
    _, _, metrics = tree
    other = metrics | {"levels": {"small": 0.5, "large": 0.1}}
    sources = [("record", metrics), ("run", other)]
    frame = frames.table_frame(paper().tables["IV"], {}, sources)
    assert frame.loc[0, "Gauss 0.5 record"] == frame.loc[0, "Gauss 0.5 run"] == "52.0 ± 1.4 (2)"
    lacks = metrics | {"levels": {"small": 0.2, "large": 0.5}}
    frame = frames.table_frame(paper().tables["IV"], {}, [("record", metrics), ("run", lacks)])
    assert frame.loc[0, "Gauss 0.2 record"] == "not run"


def test_best_in_bold_with_all_that_are_alike(tree):
    root, params, _ = tree
    one = collect(root, params | {"seeds": [0]}, preset="quick")
    table = paper().tables["I"]
    frame = frames.table_frame(table, {}, [("run", one)], bold=True).set_index("method")
    # FIDs 11, 12, ... with errors of 0.3 each: 1 apart is 2.4 standard errors of the difference.
    assert frame.loc["VAE", "CIFAR10 FID-64 run"] == "**11.0**"
    assert frame.loc["BETA_VAE_HIGH", "CIFAR10 FID-64 run"] == "12.0"
    # Accuracies 91 to 95 with an error of 1 each, 1.41 of the difference: 93 and more are alike.
    table = paper().tables["V"]
    frame = frames.table_frame(table, {}, [("run", one)], bold=True)
    assert list(frame["mask 0.5 run"]) == ["51.0", "52.0", "**53.0**", "**54.0**", "**55.0**"]


def test_kid_stands_beside_fid_and_the_floor_beneath(tree):
    _, _, metrics = tree
    frame = frames.table_frame(paper().tables["I"], {}, [("run", metrics)]).set_index("method")
    assert frame.loc["VAE", "CIFAR10 KID run"] == "0.00200 ± 0.00141 (2)"
    assert frame.loc["real images", "CIFAR10 FID-64 run"] == "0.700"
    assert frame.loc["real images", "CIFAR10 KID run"] == "n/a"


def test_information_table(tree):
    root, params, _ = tree
    one = collect(root, params | {"seeds": [0]}, preset="quick")
    frame = frames.information_frame(one)
    assert list(frame["dataset"]) == ["MNIST"] * 5
    assert list(frame["rate"]) == ["∞"] * 5
    # Bases 1, 2, ...: only the first is below 2, where the estimator says that it saturated.
    assert list(frame["I(x; y), at least"]) == ["1.00‡", "2.00", "3.00", "4.00", "5.00"]


def test_names_of_readings_go_back_and_forth():
    for name in (
        "robustness.tsvm.clean",
        "robustness.svm.mask_zero.0.5",
        "robustness.tsvm.gaussian.area",
        "robustness.tsvm.retrained.gaussian_clipped.0.3",
    ):
        assert reading(name).name == name
    assert reading("robustness.tsvm.retrained.gaussian.0.3").trained_on == "corrupted"
    assert reading("nll.nll") is None and reading("robustness.seconds") is None


def test_every_reading_is_in_the_fold(tree):
    _, _, metrics = tree
    frame = frames.readings_frame(metrics, "mnist")
    # Two classifiers: clean, three corruptions at two levels and over the grid, one retrained.
    assert len(frame) == 2 * (1 + 3 * 3 + 1)
    chosen = frame[(frame["trained on"] == "corrupted") & (frame["classifier"] == "TSVM")]
    assert list(chosen["VAE"]) == ["62.0 ± 1.4 (2)"]
    text = tables.document([("run", metrics)], "figures")
    assert text.count("Every reading of noise and classifier, MNIST") == 1


def test_a_black_mask_is_told_once_where_zero_is_black(tree):
    _, _, metrics = tree
    metrics = deepcopy(metrics)
    methods = metrics["datasets"]["mnist"]["methods"]
    for values in methods.values():
        masks = {k: v for k, v in values.items() if ".mask_zero." in k}
        values.update({k.replace("mask_zero", "mask_black"): v for k, v in masks.items()})
    once = frames.readings_frame(metrics, "mnist")
    assert once.equals(frames.readings_frame(tree[-1], "mnist"))
    black = next(k for k in methods["vae"] if ".mask_black." in k)
    methods["vae"][black] = methods["vae"][black] | {"mean": 1.0}
    assert len(frames.readings_frame(metrics, "mnist")) == len(once) + 1


def test_a_dataset_that_the_paper_does_not_have_is_in_the_tables(extended):
    sources = [("run", extended)]
    shown = {name: further_tables(table, sources) for name, table in paper().tables.items()}
    assert {name: len(found) for name, found in shown.items()} == dict(
        zip(("I", "II", "III", "IV", "V"), (1, 1, 0, 1, 0), strict=True)
    )
    accuracy = frames.table_frame(shown["IV"][0], {}, sources)
    assert list(accuracy.columns[:2]) == ["method", "clean run"]
    assert accuracy.loc[0, "Gauss 0.5 run"] == "51.0"
    text = tables.document(sources, "figures")
    for wanted in (
        "#### Not in the paper: accuracy under noise, Sheep",
        "Sheep (not in the paper) IS-NLL run",
        "Sheep (not in the paper) FID-64 run",
        "Sheep (not in the paper) z mean run",
        "figures/samples_sheep.png",
    ):
        assert wanted in text
    paper_tables = text[: text.index("#### Not in the paper")]
    assert "Sheep" not in paper_tables[paper_tables.index("### Table I:") :]


def test_a_score_of_a_dataset_that_the_papers_table_lacks_is_shown_too(tmp_path):
    params = write_tree(tmp_path, [0], scored={"fid": ["mnist"]})
    metrics = collect(tmp_path, params, preset="quick")
    [table] = further_tables(paper().tables["I"], [("run", metrics)])
    assert "MNIST FID-64 run" in frames.table_frame(table, {}, [("run", metrics)]).columns


def test_a_score_that_no_table_names_has_one_of_its_own(extended):
    frame = plain_frames(("run", extended))["novelty"]
    assert list(frame.columns) == ["dataset", "method", "share"]
    assert list(frame["dataset"].unique()) == ["MNIST", "Sheep (not in the paper)"]
    assert frame.loc[0, "share"] == "1 [0, 2]"
    text = tables.document([("run", extended)], "figures")
    assert "### novelty (run)" in text


def test_values_of_the_papers_tables_are_in_no_other(tree):
    assert plain_frames(("run", tree[2])) == {}


def test_every_file_of_the_tables_is_written(tree, tmp_path, monkeypatch):
    _, _, metrics = tree
    write_json(tmp_path / "quick" / "metrics.json", metrics)
    write_json(tmp_path / "quick" / "summary" / "mnist" / "absent.json", {})  # of a former run
    monkeypatch.setattr(
        "sys.argv",
        [
            *("tables", "--metrics", f"{tmp_path}/quick/metrics.json"),
            *("--record", f"{tmp_path}/none.json", "--tables-dir", f"{tmp_path}/quick/tables"),
            *("--summary", f"{tmp_path}/quick/summary"),
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
        "table6_information",
        "readings_mnist",
        "verdicts",
        "runs",
    ):
        frame = pd.read_csv(tmp_path / "quick" / "tables" / f"{stem}.csv", keep_default_na=False)
        assert len(frame) and (frame != "").all(axis=None)
        latex = (tmp_path / "quick" / "tables" / f"{stem}.tex").read_text()
        assert not re.search(r"(?<!\\)%", latex)  # a bare one would comment out the rest
        assert r"\begin{tabular}" in latex
        assert {character for character in latex if not character.isascii()} <= {"é"}
    for page, folder in (("tables.md", "quick/figures"), ("quick/tables.md", "figures")):
        text = (tmp_path / page).read_text()
        assert f"({folder}/figure1_mnist.png)" in text and f"({folder}/robustness.svg)" in text
        assert "figure1_mnist.svg" not in text  # pixels
    summary = read_json(tmp_path / "quick" / "summary" / "mnist" / "vae.json")
    assert summary["gauss"] == 52.0 and len(summary) <= 12
    assert not (tmp_path / "quick" / "summary" / "mnist" / "absent.json").exists()


def test_part_of_celeba_is_counted_in_its_heads(tmp_path):
    params = write_tree(tmp_path, [0], synthetic=False)
    metrics = collect(tmp_path, params, preset="paper")
    table = paper().tables["II"]
    frame = frames.table_frame(table, table.blocks[1], [("run", metrics)])
    assert "CelebA (15,000 + 3 images) z mean run" in frame.columns
    assert any("CelebA 15,000 of 162,770" in r for r in notes.deviations(metrics, table))


def test_fid_of_few_images_is_not_the_papers(tree):
    _, _, metrics = tree
    colour = next(t for t in paper().tables.values() if "fid" in t.scores)
    for generated, said in ((5000, True), (10_000, False)):
        protocols = {"fid": {"cifar10": {"generated": generated}}}
        reasons = notes.deviations(metrics | {"protocols": protocols}, colour)
        assert any("(CIFAR10 5,000), biased upward" in r for r in reasons) == said
    assert not any("biased" in r for r in notes.deviations(metrics, paper().tables["II"]))


def test_nothing_to_excuse_at_full_scale(tree):
    _, _, metrics = tree
    full = json.loads(json.dumps(metrics))
    mnist = full["datasets"]["mnist"]
    mnist["meta"]["counts"] = mnist["meta"]["official_counts"]
    mnist["settings"]["model"]["width"] = 1.0
    mnist["settings"]["train"]["epochs"] = 100
    assert notes.deviations(full, paper().tables["IV"]) == []
    mnist["settings"]["train"]["epochs"] = 5
    assert notes.deviations(full, paper().tables["IV"]) == ["epochs: 5"]
    mnist["meta"]["counts"] = mnist["meta"]["official_counts"] | {"test": 2}
    assert "few test images (MNIST 2 of 3)" in notes.deviations(full, paper().tables["IV"])[0]
    assert notes.deviations(metrics, paper().tables["IV"]) != []
