"""How many runs each study has, and how many core hours they take on this machine."""

import statistics
from pathlib import Path

import pandas as pd

from benchmarks.estimate import scoring, training
from data.files import read_json
from models.device import pick_device
from workflow.settings import Settings
from workflow.studies import robustness
from workflow.studies.definitions import STUDIES
from workflow.studies.render import study_settings


def training_study(name: str, steps: int, results: Path) -> tuple[dict, list[str]]:
    """(a row of the table, scores of which no job has been measured here)."""
    study = STUDIES[name]
    settings = study_settings(study)
    table = training(settings, steps, pick_device())
    scores, unknown = scoring(settings, results / study.preset)
    row = {"study": name, "runs": len(table) * len(settings.seeds)}
    row["hours of training"] = table["minutes"].sum() / 60
    row["hours of scores"] = scores["minutes"].sum() / 60 if len(scores) else None
    return row, [f"{study.preset} {score}" for score in unknown]


def robustness_study(settings: Settings, results: Path) -> tuple[dict, list[str]]:
    """The same of robustness: its cells, at the median seconds of those of a dataset that are made."""
    cells, seconds = robustness.cells(settings, results), {}
    for cell in cells:
        if cell.path.exists():
            seconds.setdefault(cell.dataset, []).append(read_json(cell.path)["seconds"])
    medians = {dataset: statistics.median(of) for dataset, of in seconds.items()}
    hours = sum(medians.get(cell.dataset, 0.0) for cell in cells) / 3600
    row = {"study": f"robustness ({len(cells)} cells)", "runs": 0, "hours of training": 0.0}
    unknown = [d for d in dict.fromkeys(cell.dataset for cell in cells) if d not in medians]
    return row | {"hours of scores": hours or None}, [f"robustness/{name}" for name in unknown]


def estimate(names: list[str], steps: int, settings: Settings, results: Path) -> str:
    """A markdown table in core hours, and what it leaves out; `settings` are those of robustness."""
    found = [robustness_study(settings, results)]
    found += [training_study(name, steps, results) for name in names]
    rows, unknown = zip(*found, strict=True)
    text = pd.DataFrame(rows).to_markdown(index=False, floatfmt=".1f", missingval="unknown")
    unknown = [score for of in unknown for score in of]
    return text + (f"\n\nnot measured here yet: {', '.join(unknown)}" if unknown else "")
