"""The statements: what they name exists, and each is told once."""

import pytest
import yaml

from data.files import read_json
from workflow.report.paper import paper
from workflow.report.verdict import claims
from workflow.report.verdict.judge import judge_all


def all_cells() -> list[claims.Cell]:
    return [
        cell
        for statement in claims.load_statements()
        for cell in [
            *statement.cells,
            *statement.secondary,
            *(c for cells in statement.readings.values() for c in cells),
        ]
    ]


def test_every_cell_names_what_exists():
    config = yaml.safe_load((claims.FILE.parents[3] / "params.yaml").read_text(encoding="utf-8"))
    for cell in all_cells():
        assert cell.dataset in paper().datasets
        for score in filter(None, (cell.score, cell.minus, cell.falls_with)):
            assert (claims.FILE.parents[3] / "eval" / score.split(".")[0] / "score.py").exists()
        assert cell.scale.label
        for method in (*cell.methods, *cell.than):
            assert method in config["catalogue"]
        if cell.kind == "alike":
            assert cell.scale.margin is not None
        if cell.target:
            rate = config["catalogue"][cell.methods[0]]["rate"]
            assert cell.target["value"] == rate


def test_statements_are_told_once_and_readings_change_something():
    statements = claims.load_statements()
    ids = [statement.id for statement in statements]
    assert len(set(ids)) == len(ids)
    for statement in statements:
        assert bool(statement.cells) != bool(statement.not_testable), statement.id
        for name, cells in statement.readings.items():
            assert cells != statement.cells, f"{statement.id}, {name}: same scores"


def test_unknown_score_is_an_error_that_says_where():
    with pytest.raises(KeyError, match="claims.yaml.*weather"):
        claims.scale_of("weather.rain")


def test_every_secondary_comparison_and_reading_is_shown():
    record = read_json(claims.FILE.parents[3] / "results/narrow/metrics.json")
    for judged in judge_all(record):
        statement = judged.statement
        assert len(judged.details) == len(statement.secondary) + len(statement.readings), (
            statement.id
        )


def test_what_is_subtracted_is_named():
    (judged,) = (
        j
        for j in judge_all(read_json(claims.FILE.parents[3] / "results/narrow/metrics.json"))
        if j.statement.id == "capacity_overfits"
    )
    less = [title for title in judged.details if "z mean, less squared error" in title]
    assert len(less) == 2 and all(" vs " in title for title in less)
