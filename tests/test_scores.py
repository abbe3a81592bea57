"""What every score owes the pipeline: the spelling of its numbers, its units and its literals."""

import importlib
import json
import math
from unittest import mock

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from safetensors.torch import save_file
from scipy import stats

from data import store
from data.files import digest, read_json, write_json
from eval.fid import reference as fid_reference
from eval.job import score_main
from eval.measured import from_error, from_units, measured
from models.run import build_model, require_dataset
from tests import quadrants, test_fid_jobs, test_nll
from tests.tiny import tiny_data, tiny_info, tiny_run
from workflow.declarations import scores

SETTINGS = {
    "reconstruction": {"count": 12, "batch": 5},
    "information": {"count": None, "resolution": 0.5, "batch": 8},
    "nll": test_nll.SETTINGS
    | {"ais": {"seeds": [0], "images": 3, "chains": 2, "temperatures": 4, "leapfrog": 1}},
    "fid": test_fid_jobs.SETTINGS,
    "robustness": quadrants.PARAMS | {"labels": 20, "test": None, "retrain_levels": [0.01]},
    "sharpness": {"count": 10},
    "fitted": {"dims": 64, "count": 20, "groups": 4, "batch": None},
    "encoded": {"dims": 64, "count": 20, "groups": 4, "batch": None},
    "response": {"count": 12, "contrasts": [0.2], "batch": 5},
}
CHANNELS = {"fid": 3, "fitted": 3, "encoded": 3}


def run_main(main, *arguments) -> None:
    with mock.patch("sys.argv", ["job", *map(str, arguments)]):
        main()


@pytest.fixture(scope="module", params=scores())
def scored(request, tmp_path_factory):
    """Name, JSON and units of a score's command line on an untrained run, for a finished run and
    for a diverged one.
    """
    name, folder = request.param, tmp_path_factory.mktemp(request.param)
    channels = CHANNELS.get(name, 1)
    look = {"side": 32, "channels": channels} if channels == 3 else {}
    data = tiny_data(train=40, test=25, **look)
    store.save(folder / "data.npz", data)
    np.savez(folder / "samples.npz", images=data.train_images)
    info = tiny_info("vae", **look) | {"status": "done"}
    (folder / "run").mkdir()
    save_file(build_model(info).state_dict(), folder / "run" / "weights.safetensors")
    info["weights_sha256"] = digest(folder / "run" / "weights.safetensors")
    write_json(folder / "params.json", SETTINGS[name])
    params = ("--params", f"@{folder / 'params.json'}")
    declared, inputs = scores()[name], ["--data", folder / "data.npz"]
    references = {"reference", "fid_reference"}.intersection(declared.needs)
    for need in references:
        of_fid = ("--params", json.dumps(test_fid_jobs.SETTINGS))
        run_main(fid_reference.main, *inputs, *of_fid, "--out", folder / f"{need}.npz")
    for need in set(declared.needs) - {"inception"}:
        inputs += [f"--{need}", folder / f"{need}.npz"]

    module, found = importlib.import_module(f"eval.{name}.score"), []
    for status in ("done", "diverged"):
        write_json(folder / "run" / "run.json", info | {"status": status})
        run_main(
            lambda: score_main(name, module.score, module.NEEDS),
            *("--run", folder / "run", *inputs, *params),
            *("--out", folder / f"{status}.json", "--units", folder / f"{status}.npz"),
        )
        with np.load(folder / f"{status}.npz") as stored:
            found.append((read_json(folder / f"{status}.json"), dict(stored)))
    return name, *found


def test_every_value_is_a_measured_number(scored):
    name, (result, _), _ = scored
    assert {key: result[key] for key in ("score", "status", "dataset", "method", "seed")} == {
        "score": name,
        "status": "done",
        "dataset": "tiny",
        "method": "vae",
        "seed": 0,
    }
    assert result["values"] and result["protocol"] and result["seconds"] > 0
    for value in result["values"].values():
        assert set(value) == {"value", "se", "interval", "doubtful"}
        assert value["doubtful"] in (True, False)
        if value["se"] is not None:
            assert value["se"] >= 0
        if value["interval"] is not None:
            low, high = value["interval"]
            assert low <= value["value"] + 1e-9 and value["value"] - 1e-9 <= high


def test_units_mean_their_value(scored):
    name, (result, units), _ = scored
    indices = units.pop("indices", None)
    for key, array in units.items():
        assert array.dtype == np.float32
        assert array.mean() == pytest.approx(result["values"][key]["value"], rel=1e-4)
        assert len(indices) == len(array) == len(set(indices.tolist()))
    expected = {
        "reconstruction": {"sampled.cost", "mean.cost"},
        "nll": {"nll", "cross_entropy"},
        "robustness": set(result["values"]),
    }
    assert set(units) == expected.get(name, set())


def test_a_diverged_run_has_no_numbers(scored):
    _, _, (result, units) = scored
    assert result["status"] == "diverged" and result["values"] == {} and units == {}


def test_declared_settings_accept_these_and_refuse_others(scored):
    name = scored[0]
    properties = scores()[name].settings
    schema = {"additionalProperties": False, "properties": properties, "required": [*properties]}
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(SETTINGS[name])
    assert not validator.is_valid(SETTINGS[name] | {"unheard_of": 1})
    for key in properties:
        assert not validator.is_valid(SETTINGS[name] | {key: "no such value"})


def test_settings_that_are_no_json_are_refused(capsys):
    module = importlib.import_module("eval.sharpness.score")
    for text, where in (("{count: 1}", ""), ("@no/such/file", "no/such/file: ")):
        with pytest.raises(SystemExit):
            run_main(lambda: score_main("sharpness", module.score, ()), "--params", text)
        assert f"--params: {where}not settings in JSON" in capsys.readouterr().err


def test_wrong_settings_and_names_are_refused_before_anything_is_read(tmp_path):
    module = importlib.import_module("eval.information.score")
    wrong = SETTINGS["information"] | {"resolutoin": 0.1}
    none = tmp_path / "none"
    for params, units, message in (
        (wrong, "units.npz", "information: settings lack or do not know resolutoin"),
        ({"count": 5}, "units.npz", "do not know batch, resolution"),
        (SETTINGS["information"], "units.txt", "units.txt: arrays are written to an .npz"),
    ):
        with pytest.raises(ValueError, match=message):
            run_main(
                lambda: score_main("information", module.score, ()),
                *("--run", none, "--data", none, "--out", tmp_path / "score.json"),
                *("--params", json.dumps(params), "--units", tmp_path / units),
            )


@pytest.mark.parametrize("change", [{"side": 32}, {"channels": 3, "side": 28}])
def test_a_run_is_scored_on_images_of_its_form_only(change):
    with pytest.raises(
        ValueError, match="tiny .*, but the run was trained on tiny .28, 28, 1. unit"
    ):
        require_dataset(tiny_run("vae"), tiny_data(**change))


# The spelling itself.


def test_means_of_units_are_students_t():
    units = np.random.default_rng(0).normal(3, 2, size=7)
    found = from_units(units)
    interval = stats.ttest_1samp(units, 0).confidence_interval(0.95)
    assert found["se"] == pytest.approx(stats.sem(units))
    assert found["interval"] == [pytest.approx(interval.low), pytest.approx(interval.high)]
    assert from_units([2.0]) == measured(2.0)


def test_an_error_without_degrees_is_normal():
    found = from_error(1.0, 0.5, doubtful=True)
    assert found["interval"] == [pytest.approx(1 - 0.979982), pytest.approx(1 + 0.979982)]
    assert found["doubtful"] is True


@pytest.mark.parametrize("part", ["value", "se", "interval"])
def test_what_json_cannot_hold_is_refused(part):
    parts = {"value": 1.0, "se": 1.0, "interval": (0.0, 2.0)}
    parts[part] = (0.0, math.nan) if part == "interval" else math.inf
    with pytest.raises(ValueError, match="of a measured number is"):
        measured(**parts)
    json.dumps(measured(None), allow_nan=False)
