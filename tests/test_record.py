"""Which run stands as the record."""

from pathlib import Path

from data.files import read_json, write_json
from workflow import record
from workflow.settings import Settings, load


def test_record_is_the_best_run_that_is_committed(tmp_path):
    assert record.committed("quick", tmp_path) is None
    narrow = tmp_path / "narrow" / "metrics.json"
    write_json(narrow, {})
    assert record.committed("quick", tmp_path) == narrow
    assert record.committed("narrow", tmp_path) is None
    full = tmp_path / "paper" / "metrics.json"
    write_json(full, {})
    assert record.committed("quick", tmp_path) == record.committed("narrow", tmp_path) == full
    assert record.committed("paper", tmp_path) is None


def test_missing_scores_are_those_that_the_record_lacks(tmp_path):
    config = load() | {"preset": "narrow", "datasets": ["mnist"], "methods": ["vae"], "seeds": [1]}
    settings = Settings(config)
    every = record.missing(settings, tmp_path)
    assert len(every) == sum("mnist" in datasets for datasets in settings.scored.values())
    write_json(Path(every[0]), {})
    assert record.missing(settings, tmp_path) == every
    record.take_in(tmp_path / "narrow")
    assert record.missing(settings, tmp_path) == every[1:]
    assert not (tmp_path / "narrow/record/runs").exists()


def test_a_score_that_was_made_again_replaces_its_record(tmp_path):
    path = tmp_path / "scores/nll/mnist/vae/seed0.json"
    for number in (1, 2):
        write_json(path, {"number": number})
        copy = record.take_in(tmp_path) / path.relative_to(tmp_path)
        assert read_json(copy) == {"number": number}
