"""Which run stands as the record, what is taken into it, and what is rendered of it."""

import os
from pathlib import Path

import pytest

from data.files import read_json, write_json
from tests.pipeline import copy_repository, run
from tests.report_tree import write_tree
from workflow import record
from workflow.settings import Settings, load


def test_record_is_the_best_run_that_is_committed(tmp_path):
    assert record.committed("quick", tmp_path) is None
    narrow = tmp_path / "narrow" / "metrics.json"
    write_json(narrow, {"datasets": {"mnist": {}, "celeba": {}}})
    assert record.committed("quick", tmp_path) == narrow
    assert record.committed("narrow", tmp_path) is None
    full = tmp_path / "paper" / "metrics.json"
    write_json(full, {"datasets": {"mnist": {}}})
    assert record.committed("quick", tmp_path) == narrow  # it has more
    assert record.committed("narrow", tmp_path) is None  # which a part of `paper` is no record for
    write_json(full, {"datasets": {"mnist": {}, "celeba": {}, "omniglot": {}}})
    assert record.committed("quick", tmp_path) == record.committed("narrow", tmp_path) == full
    assert record.committed("paper", tmp_path) is None


def test_what_is_rendered_is_all_there_is(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["record", "--preset", "narrow", "--seeds", "9"])
    with pytest.raises(SystemExit):
        record.main()
    assert "--datasets and --seeds go with --missing" in capsys.readouterr().err


def write_run(folder: Path, weights: str = "a", run: str = "mnist/vae/seed0") -> Path:
    """A finished run with its learning curve."""
    path = folder / "runs" / run / "run.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name("history.csv").write_text("epoch\n")
    write_json(path, {"weights_sha256": weights})
    return path


def write_score(folder: Path, value: float, run: str = "mnist/vae/seed0", **more: str) -> Path:
    """A score with its values per unit, made now."""
    path = folder / "scores" / "nll" / f"{run}.json"
    write_json(path, {"value": value} | more)
    path.with_suffix(".npz").touch()
    return path


def files(folder: Path) -> set[str]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_missing_scores_are_those_that_the_record_lacks(tmp_path):
    config = load() | {"preset": "narrow", "datasets": ["mnist"], "methods": ["vae"], "seeds": [1]}
    settings = Settings(config)
    every = record.missing(settings, tmp_path)
    assert len(every) == sum("mnist" in datasets for datasets in settings.scored.values())
    write_json(Path(every[0]), {})
    assert record.missing(settings, tmp_path) == every
    write_run(tmp_path / "narrow", run="mnist/vae/seed1")
    os.utime(every[0])
    record.take_in(tmp_path / "narrow")
    assert record.missing(settings, tmp_path) == every[1:]


def test_a_score_that_was_made_again_replaces_its_record(tmp_path):
    write_run(tmp_path)
    for number in (1, 2):
        path = write_score(tmp_path, number)
        copy = record.take_in(tmp_path) / path.relative_to(tmp_path)
        assert read_json(copy) == {"value": number}


def test_what_an_engine_is_at_is_left_out(tmp_path, capsys):
    whole = [write_run(tmp_path), write_score(tmp_path, 1.0)]
    scored_again = tmp_path / "scores/fid/mnist/vae/seed0.npz"  # its JSON will be written last
    scored_again.parent.mkdir(parents=True)
    scored_again.touch()
    (tmp_path / "scores/nll/mnist/vae/.seed0-x1.json").touch()
    write_run(tmp_path, run="mnist/vae/seed1").unlink()  # being trained again: a score is left
    of_no_run = write_score(tmp_path, 2.0, run="mnist/vae/seed1")
    kept = record.take_in(tmp_path)
    expected = [*whole, whole[0].with_name("history.csv"), whole[1].with_suffix(".npz")]
    assert files(kept) == {str(path.relative_to(tmp_path)) for path in expected}
    said = capsys.readouterr().err
    assert f"{scored_again}: of a score that is not finished" in said
    assert f"{of_no_run}: its run is not there" in said


def test_scores_older_than_their_run_are_left_out_until_they_are_made_again(tmp_path, capsys):
    trained, score = write_run(tmp_path), write_score(tmp_path, 1.0)
    later = score.stat().st_mtime_ns + 10**9
    os.utime(trained, ns=(later, later))
    kept = record.take_in(tmp_path)
    assert files(kept) == {f"runs/mnist/vae/seed0/{name}" for name in ("run.json", "history.csv")}
    assert f"{score}: older than its run" in capsys.readouterr().err
    for path in (score, score.with_suffix(".npz")):
        os.utime(path, ns=(later, later))
    record.take_in(tmp_path)
    assert (kept / score.relative_to(tmp_path)).exists() and not capsys.readouterr().err


def test_a_score_that_names_its_weights_is_taken_in_by_them_and_not_by_its_age(tmp_path, capsys):
    trained = write_run(tmp_path, "a")
    score = write_score(tmp_path, 1.0, weights_sha256="a")
    later = score.stat().st_mtime_ns + 10**9
    os.utime(trained, ns=(later, later))
    kept = record.take_in(tmp_path)
    assert {f"scores/nll/mnist/vae/seed0.{end}" for end in ("json", "npz")} <= files(kept)
    other = write_run(tmp_path, "b", run="mnist/vae/seed1")
    stale = write_score(tmp_path, 2.0, run="mnist/vae/seed1", weights_sha256="a")
    record.take_in(tmp_path)
    assert (kept / other.relative_to(tmp_path)).exists()
    assert not (kept / stale.relative_to(tmp_path)).exists()
    said = capsys.readouterr().err
    assert f"{stale}: of other weights" in said and str(score) not in said


def test_a_run_of_other_weights_does_not_mix_with_its_record(tmp_path, capsys):
    write_run(tmp_path, "a"), write_score(tmp_path, 1.0)
    kept = record.take_in(tmp_path)
    before = {name: (kept / name).read_bytes() for name in files(kept)}
    trained, score = write_run(tmp_path, "b"), write_score(tmp_path, 2.0)
    other = write_run(tmp_path, "b", run="mnist/vae/seed1")
    record.take_in(tmp_path)
    after = {name: (kept / name).read_bytes() for name in files(kept)}
    assert {name: after[name] for name in before} == before
    assert str(other.relative_to(tmp_path)) in after  # nothing else is held up
    said = capsys.readouterr().err
    assert f"{trained.parent} and its scores: other weights" in said
    for name in before:  # as it says
        (kept / name).unlink()
    record.take_in(tmp_path)
    assert read_json(kept / score.relative_to(tmp_path)) == {"value": 2.0}


@pytest.mark.pipeline
def test_a_record_is_rendered_as_far_as_it_goes(tmp_path):
    folder = copy_repository(tmp_path)
    results = folder / "results" / "narrow"
    write_tree(results, [0])
    lacking = "scores/nll/mnist/vae/seed0.json"
    (results / lacking).unlink()
    run(folder, "python", "-m", "workflow.record", "--preset", "narrow")
    metrics = read_json(results / "metrics.json")["datasets"]
    assert metrics.keys() == {"mnist", "celeba"}
    names = {
        m: {name.split(".")[0] for name in own} for m, own in metrics["mnist"]["methods"].items()
    }
    assert "nll" in names["vimae_l"] and "nll" not in names["vae"]
    read = {"tables.md", "report.html", "tables", "figures", "plots", "summary", "record"}
    assert read <= {path.name for path in results.iterdir()}
    assert (results / "report.html").read_text().count("<figure") >= 5  # and they are in it
    words = ("--missing", "--preset", "narrow", "--seeds", "0")
    missing = run(folder, "python", "-m", "workflow.record", *words)
    assert missing.stdout.split() == [f"results/narrow/{lacking}"]


def test_nothing_is_rendered_of_a_record_without_runs(tmp_path):
    folder = copy_repository(tmp_path / "copy")
    write_json(folder / "results/paper/logs/a.json", {})
    done = run(folder, "python", "-m", "workflow.record", check=False)
    assert done.returncode == 1 and "no run of preset paper is finished" in done.stdout
    assert not (folder / "results/paper/metrics.json").exists()
