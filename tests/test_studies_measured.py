"""The studies' tables say what was measured; robustness is taken apart once and goes on."""

import json
import math
import shutil

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file

from data import store
from data.files import digest, read_json, write_json
from eval.robustness.corruption import CORRUPTIONS
from models.run import build_model
from tests.report_tree import measured
from tests.tiny import tiny_data, tiny_info
from workflow.report.collect import summarise
from workflow.settings import Settings
from workflow.studies import apart, cost, robustness
from workflow.studies.definitions import COLUMNS, DRAWN, STUDIES, Contrast
from workflow.studies.frames import differences, long_frame, value_frame
from workflow.studies.render import document, render, study_settings

# --- the tables of the trained studies


def write_run(root, settings, dataset, method, seed, values):
    """A finished run with the scores that `values` ({score: {name: value}}) has."""
    status = {"status": "done", "seconds": 3.0, "dataset": dataset, "method": method, "seed": seed}
    record = {
        "params": settings.train_settings(dataset, method),
        "precision": "fp32",
        "utilisation": {"images_per_second": 100.0},
        "provenance": {"commit": "c" * 40, "dirty": False, "hardware": "a CPU", "date": "2020"},
    }
    write_json(root / f"runs/{dataset}/{method}/seed{seed}/run.json", status | record)
    for score, of in values.items():
        path = root / f"scores/{score}/{dataset}/{method}/seed{seed}"
        numbers = {name: measured(value) for name, value in of.items()}
        write_json(path.with_suffix(".json"), status | {"values": numbers, "protocol": {}})
        np.savez(path.with_suffix(".npz"))


def write_data(root, dataset):
    meta = {"title": dataset.upper(), "synthetic": False, "official_counts": None, "shown": True}
    meta |= {"counts": {"train": 3, "test": 3}}
    (root / "data").mkdir(parents=True, exist_ok=True)
    np.savez(root / f"data/{dataset}.npz", header=json.dumps({"meta": meta}))


def write_study(results, name, missing=()):
    """Results of a study in which method number k has an error of 1 + k + seed (k + 1) / 10."""
    study = STUDIES[name]
    settings, root = study_settings(study), results / study.preset
    for dataset in settings.datasets:
        write_data(root, dataset)
        for number, method in enumerate(settings.methods):
            for seed in settings.seeds:
                if (method, seed) in missing:
                    continue
                error = 1 + number + seed * (number + 1) / 10
                values = {"reconstruction": {"mean.cost": error, "sampled.cost": error}}
                values["information"] = {"rate": None if "vim" in method else 7.0}
                values["robustness"] = {"tsvm.clean": 90.0, "tsvm.gaussian_clipped.0.5": 50 + error}
                write_run(root, settings, dataset, method, seed, values)
    return settings


def rows(markdown: str) -> dict[str, list[str]]:
    """{first cell: the others} of every row of every table."""
    lines = [line.strip("| ").split("|") for line in markdown.splitlines() if line.startswith("|")]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def test_a_study_is_rendered_from_what_was_measured(tmp_path):
    write_study(tmp_path, "weights", missing=[("beta_vae_02", 2)])
    path = render(STUDIES["weights"], tmp_path)
    assert path == tmp_path / "studies/weights/table.md"
    table = rows(path.read_text())
    # β = 0.1 is the first: 1, 1.1, 1.2; their standard error is 0.1 / sqrt(3).
    assert table["β-VAE (β=0.1)"][1] == "1.100 ± 0.058"
    assert table["β-VAE (β=0.2)"][1] == "2.100 ± 0.100 (2)"
    head = "information.rate"
    assert table["VIMAE-n"][2] == "∞", head
    # Noise leaves 50 and the error of 90: -39, -38.9, -38.8.
    head = table["method"].index("clipped − clean")
    assert table["β-VAE (β=0.1)"][head] == "-38.9 ± 0.1"
    assert table["β 1 → 0.1"][head] == "**-3.3 ± 0.2**"
    # The VAE is the fourth: 4 + 0.4 seed. Differences -3, -3.3, -3.6.
    assert table["β 1 → 0.1"][1] == "**-3.300 ± 0.173**"
    assert table["λ 10 → 1"][2] == "–"  # ∞ - ∞
    assert "clean" in table["method"] and "mask 0.5" not in table["method"]
    assert not any(cell.startswith("**") for cell in table["VAE"])

    csv = pd.read_csv(path.with_name("differences.csv")).set_index(["method", "value"])
    row = csv.loc["beta_vae_01 - vae", "reconstruction.mean.cost"]
    assert row["mean"] == pytest.approx(-3.3) and row["se"] == pytest.approx(0.3 / math.sqrt(3))
    half = 4.302652729749464 * row["se"]  # Student's quantile of two degrees of freedom
    assert row["high"] == pytest.approx(-3.3 + half)
    assert {p.name for p in path.parent.iterdir()} == {
        "metrics.json", "table.md", "means.csv", "differences.csv", "figure.png", "figure.svg"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("units", "label", "difference"),
    [
        ([8, 0, 8], "VAE § 1", "–"),  # two kinds of networks
        ([0, 0, 0], "VAE", "**+1.000 ± 0.000**"),  # one kind
        ([8, 8, 8], "VAE", "**+1.000 ± 0.000**"),
    ],
)
def test_a_mean_of_two_kinds_of_networks_is_not_compared(units, label, difference):
    def of(values):
        unknown = {"se": [None] * 3, "interval": [None] * 3, "doubtful": 0}
        return summarise([float(v) for v in values], 0) | unknown

    def method(error, active):
        values = {"reconstruction.mean.cost": of([error] * 3)}
        return values | {"information.active_units": of(active)}

    metrics = {
        "methods": [{"name": "vae", "label": "VAE"}, {"name": "ae", "label": "AE"}],
        "seeds": [0, 1, 2],
        "levels": {},
        "datasets": {"mnist": {"methods": {"vae": method(2, units), "ae": method(1, [8, 8, 8])}}},
    }
    frame = value_frame(metrics, "mnist", "method")
    assert list(frame["method"]) == [label, "AE"]
    compared = differences(metrics, (Contrast("vae", "ae", "AE → VAE"),))
    frame = value_frame(compared, "mnist", "what differs", signed=True)
    assert list(frame["error, z mean"]) == [difference]


def test_a_study_outlives_its_runs(tmp_path):
    """Records are taken in; what a machine trained before is shown by the next one too."""
    write_study(tmp_path, "capacity")
    before = render(STUDIES["capacity"], tmp_path).read_text()
    for folder in ("runs", "scores", "data"):
        shutil.rmtree(tmp_path / "study_capacity" / folder)
    assert render(STUDIES["capacity"], tmp_path).read_text() == before


def test_nothing_run_is_nothing_written(tmp_path):
    assert render(STUDIES["scale"], tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_scale_shows_the_difference_of_every_width_and_length(tmp_path):
    write_study(tmp_path, "scale")
    text = render(STUDIES["scale"], tmp_path).read_text()
    assert "## MNIST" in text and "## CIFAR10" in text
    # VIMAE-n comes nine entries after its VAE: 9 + 0.9 seed apart, and 12.7 x 0.45 is less.
    assert rows(text)["1/4 × 40"][1] == "**+9.450 ± 0.450**"
    assert rows(text)["VIMAE-n (1/4 × 40)"][1] == "18.900 ± 0.900"


def test_scale_with_one_method_has_no_difference_to_show(tmp_path):
    methods = study_settings(STUDIES["scale"]).methods
    write_study(tmp_path, "scale", [(m, seed) for m in methods if "vimae" in m for seed in (0, 1)])
    found = rows(render(STUDIES["scale"], tmp_path).read_text())
    assert "VAE (1/4 × 40)" in found and "1/4 × 40" not in found


def test_what_was_not_run_is_named_and_has_no_row(tmp_path):
    write_study(tmp_path, "weights", missing=[("beta_vae_8", seed) for seed in (0, 1, 2)])
    text = render(STUDIES["weights"], tmp_path).read_text()
    assert "\nNot run, so far: β-VAE (β=8).\n" in text
    assert not {"β-VAE (β=8)", "β 1 → 8"} & rows(text).keys()
    assert {"β-VAE (β=4)", "β 1 → 4"} <= rows(text).keys()


def test_every_drawn_value_is_one_of_the_tables():
    assert set(DRAWN) <= {column.name for column in COLUMNS}


def test_differences_keep_failures_and_doubt(tmp_path):
    write_study(tmp_path, "attribution")
    render(STUDIES["attribution"], tmp_path)
    metrics = read_json(tmp_path / "studies/attribution/metrics.json")
    of = metrics["datasets"]["mnist"]["methods"]
    name = "reconstruction.mean.cost"
    of["vae"][name] |= {"values": [None, 2.0, 3.0], "diverged": 1}
    of["ae"][name] |= {"doubtful": 2}
    found = differences(metrics, STUDIES["attribution"].contrasts)["datasets"]["mnist"]["methods"]
    assert found["vimae_n - vae"][name]["n"] == 2 and found["vimae_n - vae"][name]["diverged"] == 1
    assert found["ae - vimae_n"][name]["doubtful"] == 2
    texts = rows(document(STUDIES["attribution"], metrics))
    assert "(2)" in texts["all three: VAE → VIMAE-n"][1]
    assert "‡" in texts["λ 10 → 0: no divergence"][1]
    frame = value_frame(metrics, "mnist", "method")
    assert len(long_frame(metrics)) == len(frame) * (len(frame.columns) - 1)


# --- robustness, taken apart


def test_a_reading_changes_what_it_says(config):
    settings = Settings(config | {"preset": "narrow"})
    base = robustness.reading_params(settings, "cifar10", "as_recorded")
    recorded = settings.score_settings("robustness", "cifar10")
    assert {k for k in base if base[k] != recorded[k]} == {"corruptions", "retrain_levels"}
    assert set(base["corruptions"]) == set(CORRUPTIONS)
    expected = {"batch_statistics": "batch_statistics", "labels_100": "labels", "linear": "kernel"}
    expected |= {"one_scale": "features", "whitened": "features"}
    for name, key in expected.items():
        other = robustness.reading_params(settings, "cifar10", name)
        assert {k for k in base if base[k] != other[k]} == {key}
    assert set(apart.LABELS) == {"as_recorded", *expected}
    assert set(robustness.READINGS) == {*apart.LABELS, "response"}
    response = robustness.reading_params(settings, "omniglot", "response")
    assert response == settings.score_settings("response", "omniglot")
    # Of a few-shot task the number of labels is another setting's: no such cell.
    assert robustness.reading_params(settings, "omniglot", "labels_100") is None
    assert robustness.reading_params(settings, "omniglot", "linear") is not None


@pytest.fixture
def small(tmp_path, config):
    """Settings of two methods and two seeds of tiny untrained runs on random "MNIST" images."""
    small = {"labels": 20, "unlabelled": 50, "test": 30, "levels": [0.2, 0.5]}
    config["presets"]["quick"]["scores"]["robustness"]["default"] |= small
    config["presets"]["quick"]["scores"]["response"]["default"] |= {"count": 30}
    config |= {"datasets": ["mnist"], "methods": ["vae", "vimae_l"], "seeds": [0, 1]}
    data = tiny_data(train=150, test=30)
    store.save(tmp_path / "quick/data/mnist.npz", data.__class__(**vars(data) | {"name": "mnist"}))
    for method in config["methods"]:
        for seed in config["seeds"]:
            info = tiny_info(method, seed=seed) | {"dataset": "mnist", "status": "done"}
            run = tmp_path / f"quick/runs/mnist/{method}/seed{seed}"
            run.mkdir(parents=True)
            weights = build_model(info).state_dict()
            save_file({k: v.contiguous() for k, v in weights.items()}, run / "weights.safetensors")
            sha256 = digest(run / "weights.safetensors")
            write_json(run / "run.json", info | {"weights_sha256": sha256})
    return Settings(config)


def test_robustness_is_taken_apart_once_and_goes_on_where_it_was(small, tmp_path):
    lost = tmp_path / "quick/runs/mnist/vimae_l/seed1/weights.safetensors"
    lost.rename(lost.with_name("elsewhere"))
    lines = list(robustness.compute(small, tmp_path))
    assert sum(line.startswith("skipped") for line in lines) == 1  # once a run
    assert any("vimae_l/seed1: weights missing" in line for line in lines)
    assert len(lines) == 3 * len(robustness.READINGS) + 1
    found = read_json(tmp_path / "studies/robustness_quick/cells/linear/mnist/vae/seed0.json")
    assert found["params"]["kernel"] == "linear" and found["reading"] == "linear"
    for kind in CORRUPTIONS:
        assert f"tsvm.{kind}.0.5" in found["values"] and f"svm.{kind}.area" in found["values"]
    found = read_json(tmp_path / "studies/robustness_quick/cells/response/mnist/vae/seed0.json")
    assert found["score"] == "response" and 0 < found["values"]["surprise.0.5"]["value"]

    assert [line for line in robustness.compute(small, tmp_path) if "skipped" not in line] == []
    lost.with_name("elsewhere").rename(lost)
    assert len(list(robustness.compute(small, tmp_path))) == len(robustness.READINGS)
    # Another network, other settings: made again. A run that is gone leaves its cells.
    run = tmp_path / "quick/runs/mnist/vae/seed0/run.json"
    cells = [cell for cell in robustness.cells(small, tmp_path) if cell.run == run.parent]
    assert all(cell.is_done() for cell in cells)
    record = read_json(run)
    write_json(run, record | {"weights_sha256": "another"})
    assert not any(cell.is_done() for cell in cells)
    shutil.rmtree(run.parent)
    assert all(cell.is_done() for cell in cells)
    small.values["scores"]["robustness"]["default"]["C"] = 2.0
    still = {cell.reading for cell in robustness.cells(small, tmp_path) if cell.is_done()}
    assert still == {"response"}  # another score, with settings of its own


def test_of_some_readings_only_those_are_made_and_drawn(small, tmp_path):
    assert len(list(robustness.compute(small, tmp_path, ["linear"]))) == 2 * 2
    metrics = robustness.gather(small, tmp_path)
    assert apart.readings_of(metrics) == {"linear": "linear kernel"}
    assert set(apart.frame(metrics, small, "mnist")["reading"]) == {"linear kernel"}
    titles = {axes.get_title() for axes in apart.figure(metrics, small).axes}
    assert "linear kernel" in titles and "as recorded" not in titles


def test_answers_to_ink_alone_have_a_table_and_no_figure(small, tmp_path):
    list(robustness.compute(small, tmp_path, ["response"]))
    table = apart.render(small, tmp_path)
    assert "surprise at 0.5" in table.read_text("utf-8")
    assert not (table.parent / "figure.png").exists()


def test_the_batchs_own_statistics_undo_a_change_of_contrast(small, tmp_path):
    """It takes the scale of the first layer away, whatever its bias: contrast is not seen at all."""
    list(robustness.compute(small, tmp_path))
    folder = tmp_path / "studies/robustness_quick/cells"
    own = read_json(folder / "batch_statistics/mnist/vae/seed0.json")["values"]
    running = read_json(folder / "as_recorded/mnist/vae/seed0.json")["values"]
    assert own["svm.contrast.0.2"]["value"] == own["svm.clean"]["value"]
    assert own != running


def test_robustness_is_rendered_from_its_cells(small, tmp_path):
    assert apart.render(small, tmp_path) is None
    for cell in robustness.cells(small, tmp_path):
        if (cell.method, cell.seed) == ("vimae_l", 1):
            continue
        base = 50.0 + 20 * (cell.method == "vimae_l") + 4 * cell.seed
        names = [f"tsvm.{kind}.{v}" for kind in CORRUPTIONS for v in (0.2, 0.5, "area")]
        values = {name: measured(base) for name in ["tsvm.clean", *names]}
        if cell.reading == "response":
            values = {"share.0.2": measured(base / 100)}
        about = {"status": "done", "params": cell.params, "values": values, "protocol": {}}
        sha256 = read_json(cell.run / "run.json")["weights_sha256"]
        write_json(cell.path, about | {"weights_sha256": sha256, "seconds": 1.0})
    path = apart.render(small, tmp_path)
    assert path == tmp_path / "studies/robustness_quick/table.md"
    lines = [line for line in path.read_text().splitlines() if line.startswith("| as recorded")]
    assert [line.split("|")[2].strip() for line in lines] == [
        "clean",
        "Gaussian noise (not clipped), 0.5",
        "Gaussian noise (clipped to the range), 0.5",
        "brightness raised, 0.2",
        "mask (0 in the data's range), 0.5",
        "contrast lowered, 0.5",
    ]
    # VAE 50 and 54: 52 with an error of 2; the other has one seed of two.
    assert [cell.strip() for cell in lines[0].split("|")[3:6]] == ["52.0 ± 2.0", "70.0 (1)", "18.0"]
    (answer,) = [line for line in path.read_text().splitlines() if "share at 0.2" in line]
    assert [cell.strip() for cell in answer.split("|")[2:4]] == ["0.520 ± 0.020", "0.700 (1)"]
    csv = pd.read_csv(path.with_name("table.csv"))
    assert (csv[csv["reading"] == "response"]["corruption"] == "share").all()
    own = csv[(csv["reading"] == "linear") & (csv["method"] == "vae") & (csv["level"] == "0.5")]
    assert set(own["corruption"]) == set(CORRUPTIONS) and (own["mean"] == 52).all()


def test_cells_cost_what_those_that_were_made_took(small, tmp_path):
    row, unknown = cost.robustness_study(small, tmp_path)
    assert row["hours of scores"] is None and unknown == ["robustness/mnist"]
    for cell, seconds in zip(robustness.cells(small, tmp_path), (9.0, 1.0, 30.0), strict=False):
        write_json(cell.path, {"seconds": seconds})
    row, unknown = cost.robustness_study(small, tmp_path)
    assert (
        row["hours of scores"] == pytest.approx(4 * len(robustness.READINGS) * 9 / 3600)
        and not unknown
    )
