"""Which run stands as the record."""

from data.files import write_json
from workflow import record


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
