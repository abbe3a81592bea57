"""Every fault of a configuration, in a line each: the key, the value and what is allowed.

First the shape of each key, see `workflow.shape`. Only if that holds, what no schema can say: names
that refer to each other, sections that are complete, counts that exist.
"""

import math
from collections import Counter

import yaml

from data import folder, registry
from workflow import bounds, counts
from workflow.declarations import objectives, scores
from workflow.settings import SECTIONS, TRAITS, Settings, SettingsError, resolve
from workflow.shape import SCHEMA, misshapen


def faults(config: dict) -> list[str]:
    """All faults, sorted; none if `config` can run."""
    found = {*_not_finite(config), *misshapen(config)}
    if not found:
        found = set(_inheritance(config["presets"])) | set(_traits(config["catalogue"]))
        for name, preset in config["presets"].items():
            found |= set(_traits(preset.get("catalogue", {}), f"presets.{name}.catalogue"))
    if not found:
        found = set(_selection(config))
    return sorted(found)


def _not_finite(node, where: str = ""):
    """Infinite numbers and NaN, which satisfy every bound of a schema or none; endless integers."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _not_finite(value, f"{where}.{key}" if where else str(key))
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from _not_finite(value, f"{where}[{number}]")
    elif isinstance(node, float) and not math.isfinite(node):
        yield f"{where}: {node} is not a finite number"
    elif isinstance(node, int) and abs(node) >= 1 << 63:
        yield f"{where}: is larger than any number that is computed with, 2^63"


# --- presets and catalogue


def _inheritance(presets: dict):
    for name in presets:
        try:
            resolve(presets, name)
        except SettingsError as error:
            yield str(error)


def _traits(catalogue: dict, where: str = "catalogue"):
    """Traits that an objective refuses, settings that need another trait."""
    for name, entry in catalogue.items():
        objective = objectives()[entry["objective"]]
        for trait in set(TRAITS) & set(entry):
            allowed = objective.traits[trait]
            if entry[trait] not in allowed:
                said = ", ".join("null" if value is None else value for value in allowed)
                reason = objective.refusals.get(trait)
                yield (
                    f"{where}.{name}.{trait}: {entry[trait]!r} is not possible with objective "
                    f"{objective.name}, but {said}" + (f": {reason}" if reason else "")
                )
        for setting, conditions in objective.only_if.items():
            for trait, wanted in conditions.items():
                value = entry.get(trait, objective.traits[trait][0])
                if value == wanted and setting not in entry:
                    yield f"{where}.{name}: {setting} missing; {trait} {value} needs it"
                if value != wanted and setting in entry:
                    yield f"{where}.{name}.{setting}: only for {trait} {wanted}, not {value}"


# --- the selected preset with the selected methods and datasets


def _selection(config: dict):
    """What does not fit together in what would run."""
    if config["preset"] not in config["presets"]:
        yield f"preset: {config['preset']!r} is not one of {', '.join(config['presets'])}"
        return
    resolved = resolve(config["presets"], config["preset"])
    wanted = ("methods", "datasets", "seeds", "scored", *SECTIONS)
    if missing := [key for key in wanted if resolved.get(key) is None and not config.get(key)]:
        yield f"presets.{config['preset']}: {', '.join(missing)} missing"
        return
    settings = Settings(config)
    unknown = list(_unknown_names(settings))
    yield from unknown
    if unknown:
        return
    yield from _labels(settings)
    wrong = [fault for dataset in settings.datasets for fault in _dataset(settings, dataset)]
    yield from wrong
    if wrong:
        return
    for score, datasets in settings.scored.items():
        for dataset in datasets:
            yield from _score(settings, score, dataset)
    yield from _levels(settings)


def _unknown_names(settings: Settings):
    """Names of methods, datasets and scores that nothing has; folders that are not there."""
    datasets = (*registry.names(), *settings.folders)
    places = {"methods": settings.catalogue, "datasets": datasets}
    for key, known in places.items():
        for number, name in enumerate(settings.values[key]):
            if name not in known:
                yield f"{key}[{number}]: {name!r} is not one of {', '.join(known)}"
    for score, named in settings.values["scored"].items():
        if score not in scores():
            yield f"scored: {score!r} is not one of {', '.join(scores())}"
        for number, name in enumerate(named):
            if name not in datasets:
                yield f"scored.{score}[{number}]: {name!r} is not one of {', '.join(datasets)}"
    for name, entry in settings.folders.items():
        if name in (*registry.names(), registry.INCEPTION, "default"):
            yield f"folders.{name}: is the name of something else; choose another"
        try:
            path = folder.located(entry["path"])
        except ValueError as error:
            yield f"folders.{name}.path: {error}"
            continue
        if name in settings.datasets and not path.is_dir():
            yield f"folders.{name}.path: {path} is no folder"


def _labels(settings: Settings):
    """Two of what would run that tables would call the same."""
    called = {
        "methods": {name: settings.catalogue[name]["label"] for name in settings.methods},
        "datasets": {name: settings.dataset(name).title for name in settings.datasets},
    }
    for key, names in called.items():
        for label in sorted(text for text, count in Counter(names.values()).items() if count > 1):
            alike = " and ".join(name for name, text in names.items() if text == label)
            yield f"{key}: {alike} are both called {label!r}; tables tell them apart by that alone"


def _dataset(settings: Settings, dataset: str):
    """Sections that lack a setting, more images than there are."""
    where = f"presets.{settings.preset}"
    definitions = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]
    complete = True
    for name in SECTIONS[:-1]:
        if missing := set(definitions[name]) - set(settings.section(dataset, name)):
            complete = False
            yield _incomplete(f"{where}.{name}", missing, dataset)
    if not complete:
        return
    described, data = settings.dataset(dataset), settings.data_settings(dataset)
    if data["source"] == "embedded" and dataset not in counts.index():
        yield f"{where}.data: {dataset} is not embedded; take source official or synthetic"
    if data["source"] == "synthetic" and described.standin is None:
        yield f"{where}.data: {dataset} has no synthetic stand-in; take source official"
    elif data["source"] == "synthetic" and None in (data["train"], data["test"]):
        yield f"{where}.data: train and test must be numbers for {dataset}, whose images are drawn"
    try:
        there = counts.available(described, data) or {}
    except ValueError as error:  # of a folder
        yield f"folders.{dataset}: {error}"
        return
    for split, count in there.items():
        if (data[split] or 0) > count:
            yield (
                f"{where}.data: {split} is {data[split]:,} for {dataset}, which has {count:,} "
                f"{split} images ({data['source']})"
            )


def _score(settings: Settings, score: str, dataset: str):
    """A score on a dataset that it does not fit, or asked for more than there is."""
    where = f"presets.{settings.preset}.scores.{score}"
    if reason := scores()[score].unfit(settings.dataset(dataset)):
        yield f"scored.{score}: {dataset} does not fit ({reason}); take it out of the list"
        return
    declared, found = scores()[score].settings, settings.score_settings(score, dataset)
    if missing := set(declared) - set(found):
        yield _incomplete(where, missing, dataset)
        return
    for fault in bounds.faults(found, declared, settings.limits(dataset), dataset):
        yield f"{where}: {fault}"
    if "fid_reference" in scores()[score].needs:
        dims = settings.score_settings("fid", dataset).get("dims")
        if found["dims"] != dims:
            yield (
                f"{where}: dims is {found['dims']} for {dataset}, but {dims} in scores.fid, whose"
                " reference it takes; set them alike"
            )
        if dataset not in settings.scored.get("fid", ()):  # whose settings make the reference
            yield from _score(settings, "fid", dataset)


def _levels(settings: Settings):
    """Noise levels that the tables, which name the smallest and the largest, cannot show."""
    where, levels = f"presets.{settings.preset}.scores.robustness", settings.noise_levels()
    for name, (small, large) in levels.items():
        if small == large:
            yield (
                f"{where}: levels has {small:g} alone for {name}; a table has a column for the smallest "
                "and one for the largest, so give two or more"
            )
    if len(set(levels.values())) > 1:
        ends = "; ".join(
            f"{name}: {small:g} to {large:g}" for name, (small, large) in levels.items()
        )
        yield (
            f"{where}: levels begin or end differently by dataset ({ends}); a table has one column "
            "for the smallest and one for the largest, so let these be the same"
        )


def _incomplete(where: str, missing: set[str], dataset: str) -> str:
    return f"{where}: {', '.join(sorted(missing))} missing for {dataset}; set it in `default`"
