"""The values that runs are compared by, one small file a dataset and method, for `dvc metrics`.

DVC makes one row of a file and one column of every name in it: a dozen short names fit a terminal.
"""

import shutil
from pathlib import Path

from data.files import write_json
from workflow.report.text.plain import named
from workflow.report.text.readings import reading
from workflow.report.values import measured, template_fields

COLUMNS = {
    "x-ent": "nll.cross_entropy",
    "nll": "nll.nll",
    "fid": "fid.fid.test",
    "kid": "fid.kid.test",
    "sharp": "sharpness.samples.value",
    "cost": "reconstruction.sampled.cost",
    "clean": "robustness.tsvm.clean",
    "gauss": "robustness.tsvm.gaussian_clipped.{large}",
    "mask": "robustness.tsvm.mask_zero.{large}",
    "info": "information.information",
    "kl": "information.divergence",
    "mmd": "information.mmd",
}

TIMESTAMP = ".snakemake_timestamp"  # the engine's, in a folder that is an output


def columns(metrics: dict, dataset: str) -> dict[str, str]:
    """Short name to name in `metrics.json`; a score of a single value that is new comes last."""
    found = {c: name.format(**template_fields(metrics, dataset)) for c, name in COLUMNS.items()}
    methods = metrics["datasets"][dataset]["methods"].values()
    known = {name.partition(".")[0] for name in {*named(metrics), *found.values()}}
    single: dict[str, set[str]] = {}
    for name in {name for values in methods for name in values}:
        if name.partition(".")[0] not in known and reading(name) is None:
            single.setdefault(name.partition(".")[0], set()).add(name)
    return found | {score: min(names) for score, names in single.items() if len(names) == 1}


def summaries(metrics: dict) -> dict[tuple[str, str], dict[str, float]]:
    """{(dataset, method): {short name: mean}}; a pair without any mean is left out."""
    found = {}
    for dataset in metrics["datasets"]:
        for method in (entry["name"] for entry in metrics["methods"]):
            means = {
                short: measured(metrics, dataset, method, name).mean
                for short, name in columns(metrics, dataset).items()
            }
            means = {short: mean for short, mean in means.items() if mean is not None}
            if means:
                found[dataset, method] = means
    return found


def write_summaries(metrics: dict, folder: Path) -> None:
    """`folder`/<dataset>/<method>.json, and nothing else: a method taken out must not linger.

    ValueError, and nothing is removed, if the folder holds anything of another kind.
    """
    held = [path for path in folder.rglob("*") if path.is_file() and path.name != TIMESTAMP]
    if other := [p for p in held if p.suffix != ".json" or len(p.relative_to(folder).parts) != 2]:
        raise ValueError(f"{folder}: holds {other[0].name}, and it would be emptied; take another")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for (dataset, method), means in summaries(metrics).items():
        write_json(folder / dataset / f"{method}.json", means)
