"""Reads and checks params.yaml, and answers what a job's settings are. Knows no engine.

python -m workflow.settings [params.yaml]      check a file and say what it selects
"""

import copy
import sys
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "workflow" / "schemas" / "params.schema.yaml"


class SettingsError(ValueError):
    """A wrong setting: the message names the key, the value and what is allowed."""


def _explain(error: jsonschema.ValidationError) -> str:
    """One line for a person: where, what, and what would be allowed."""
    where = ".".join(str(part) for part in error.absolute_path) or "params.yaml"
    allowed = ""
    if error.validator in ("additionalProperties", "propertyNames"):
        known = error.schema.get("properties") or error.parent.schema.get("properties", {})
        allowed = f"; allowed here: {', '.join(known)}" if known else ""
    return f"{where}: {error.message}{allowed}"


def check(config: dict) -> None:
    """Raise SettingsError, listing every fault, unless `config` can run."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    faults = [_explain(error) for error in validator.iter_errors(config)]
    if not faults:
        faults = list(_cross_faults(config, schema["$defs"]))
    if faults:
        raise SettingsError("wrong settings:\n  " + "\n  ".join(sorted(faults)))


def _cross_faults(config: dict, definitions: dict):
    """What a schema cannot say: names that refer to each other, sections complete per dataset."""
    if config["preset"] not in config["presets"]:
        yield f"preset: {config['preset']!r} is not one of {list(config['presets'])}"
        return
    for number, method in enumerate(config["methods"]):
        if method not in config["catalogue"]:
            yield f"methods[{number}]: {method!r} is not one of {list(config['catalogue'])}"
    for dataset in config["datasets"]:
        for name in ("data", "model", "train", "samples"):
            yield from _incomplete(config, definitions[name], dataset, name)
        for metric in config["metrics"]:
            if dataset in config["metrics"][metric]:
                definition = definitions["scores"]["properties"][metric]["additionalProperties"]
                yield from _incomplete(config, definition, dataset, "scores", metric)


def _incomplete(config: dict, definition: dict, dataset: str, *path: str):
    missing = set(definition["properties"]) - set(section(config, dataset, *path))
    if missing:
        where = ".".join(("presets", config["preset"], *path))
        yield f"{where}: {', '.join(sorted(missing))} missing for {dataset}; set it in `default`"


def section(config: dict, dataset: str, *path: str) -> dict:
    """The settings of one section for one dataset: `default` overlaid with the dataset's own.

    `section(config, "mnist", "scores", "nll")` reads presets.<preset>.scores.nll.
    """
    node = config["presets"][config["preset"]]
    for part in path:
        node = node.get(part, {})
    return copy.deepcopy({**node.get("default", {}), **node.get(dataset, {})})


def typed(node):
    """Numbers, truth values and null that an override brought as text ("--config seeds=[0,1]")."""
    if isinstance(node, dict):
        return {key: typed(value) for key, value in node.items()}
    if isinstance(node, list):
        return [typed(value) for value in node]
    if isinstance(node, str):
        value = yaml.safe_load(node) if node else node
        return value if value is None or isinstance(value, bool | int | float) else node
    return node


def seeds(config: dict) -> list[int]:
    """The override, or the preset's own seeds."""
    if config.get("seeds") is not None:
        return list(config["seeds"])
    return list(config["presets"][config["preset"]]["seeds"])


def train_settings(config: dict, dataset: str, method: str) -> dict:
    """What `models.train` takes as --params."""
    return {
        "model": section(config, dataset, "model"),
        "train": section(config, dataset, "train"),
        "method": dict(config["catalogue"][method]),
    }


def report_settings(config: dict) -> dict:
    """What `workflow.report.collect` takes as --params."""
    labels = {name: config["catalogue"][name]["label"] for name in config["methods"]}
    return {
        "methods": [{"name": name, "label": label} for name, label in labels.items()],
        "datasets": config["datasets"],
        "seeds": seeds(config),
        "metrics": config["metrics"],
        "settings": config["presets"][config["preset"]]["levels"],
    }


def main() -> None:
    """Check a file from the command line."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "params.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        check(config)
    except SettingsError as error:
        sys.exit(f"{path}: {error}")
    runs = len(config["methods"]) * len(config["datasets"]) * len(seeds(config))
    print(f"{path}: preset {config['preset']}, {runs} runs")


if __name__ == "__main__":
    main()
