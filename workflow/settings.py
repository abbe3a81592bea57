"""Reads params.yaml and answers what a job's settings are. Knows no engine and loads no torch.

    python -m workflow.settings params.yaml      # check a file and say what it selects

Whether a configuration can run is decided by workflow/checks.py; `check` is its front door.
"""

import copy
import sys
from functools import cached_property
from pathlib import Path

import yaml

from data import registry
from data.arguments import options
from workflow import bounds, counts
from workflow.declarations import literal, objectives, scores

ROOT = Path(__file__).resolve().parent.parent
FOLDER_DEFAULTS = literal(ROOT / "data" / "folder.py", "DEFAULTS")
TEXTS = ("label", "title", "path")
OVERRIDES = ("methods", "datasets", "seeds", "scored")  # top-level keys that go before the preset's
SECTIONS = ("data", "model", "train", "samples", "scores")
# How many levels of mappings are merged where presets are laid over each other: sections are by
# dataset, scores by score and dataset, a catalogue by method.
LAYERS = dict.fromkeys(SECTIONS, 1) | {"scores": 2, "catalogue": 0}
LIKELIHOODS = literal(ROOT / "models" / "objectives" / "__init__.py", "LIKELIHOODS")
TRAITS = ("encoder", "divergence", "likelihood")
MANY, DEEP = 100_000, 30  # values and levels; what aliases of YAML repeat can be without end


class SettingsError(ValueError):
    """A wrong setting: the message names the key, the value and what is allowed."""


def load(path: Path = ROOT / "params.yaml") -> dict:
    """The configuration in a file. SettingsError if it is no YAML mapping."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise SettingsError(f"{path}: cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise SettingsError(f"{path}: holds no settings")
    return config


def typed(node):
    """Numbers, truth values and null that an override brought as text ("--config seeds=[0,1]").

    What is text in any case (TEXTS) stays so: a title may be "2024".
    Give it what `limited` has let through.
    """
    if isinstance(node, dict):
        return {key: value if key in TEXTS else typed(value) for key, value in node.items()}
    if isinstance(node, list):
        return [typed(value) for value in node]
    if isinstance(node, str):
        try:
            value = yaml.safe_load(node) if node else node
        except (ValueError, RecursionError, yaml.YAMLError):
            return node  # text, "a: b: c" for instance
        return value if value is None or isinstance(value, bool | int | float) else node
    return node


def limited(config: dict) -> dict:
    """`config`. SettingsError if it is no mapping, or holds more than any settings do."""
    waiting, seen = [(config, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        seen += 1
        if seen > MANY or depth > DEEP:
            raise SettingsError(
                f"wrong settings: more than {MANY:,} values or {DEEP} levels; "
                "does an alias (*) of params.yaml repeat itself?"
            )
        inside = node.values() if isinstance(node, dict) else node
        waiting += [(value, depth + 1) for value in inside] if isinstance(node, dict | list) else []
    if not isinstance(config, dict):
        raise SettingsError("wrong settings: no mapping of keys to values")
    return config


def check(config: dict) -> None:
    """Raise SettingsError, listing every fault, unless `config` can run."""
    from workflow import checks  # which asks Settings, hence not at the top

    limited(config)
    faults = checks.faults(config)
    if faults:
        raise SettingsError("wrong settings:\n  " + "\n  ".join(faults))


def resolve(presets: dict, name: str) -> dict:
    """A preset with all that it inherits through `extends`.

    Sections, datasets and scores are merged, and so are the catalogues; a setting's own value, or a
    method's entry, is replaced as a whole: one could not take a key out of it otherwise.
    SettingsError if a preset that is extended does not exist or extends itself.
    """
    chain = [name]
    while (parent := presets[chain[-1]].get("extends")) is not None:
        where = f"presets.{chain[-1]}.extends"
        if parent not in presets:
            raise SettingsError(f"{where}: {parent!r} is not one of {', '.join(presets)}")
        if parent in chain:
            circle = " -> ".join([*chain[chain.index(parent) :], parent])
            raise SettingsError(f"{where}: goes in a circle, {circle}")
        chain.append(parent)
    resolved = {}
    for link in reversed(chain):
        for key, value in presets[link].items():
            if key in LAYERS:
                value = _merged(resolved.get(key, {}), value, LAYERS[key])
            resolved[key] = copy.deepcopy(value)
    resolved.pop("extends", None)
    return resolved


def _merged(below: dict, above: dict, depth: int) -> dict:
    """`above` laid over `below`, key by key down to `depth` levels of mappings."""
    if depth == 0:
        return below | above
    both = {key: _merged(below.get(key, {}), value, depth - 1) for key, value in above.items()}
    return below | both


class Settings:
    """What a configuration selects, and the settings of its jobs.

    preset, methods, datasets and seeds are those of the run; `scored` is {score: [datasets]}, of
    the selected datasets alone. Give it a checked configuration.
    """

    def __init__(self, config: dict):
        self.config, self.preset = config, config["preset"]
        self.folders = config.get("folders") or {}
        self.values = resolve(config["presets"], self.preset)
        self.catalogue = config["catalogue"] | self.values.get("catalogue", {})
        for key in OVERRIDES:
            if config.get(key) is not None:
                self.values[key] = copy.deepcopy(config[key])
        self.methods, self.datasets, self.seeds = (self.values[key] for key in OVERRIDES[:3])
        self._described, self._images = {}, {}

    @cached_property
    def scored(self) -> dict[str, list[str]]:
        """{score: [datasets]}. A dataset that no list names gets every score that it fits, but for
        those whose list is empty.
        """
        own = resolve(self.config["presets"], self.preset).get("scored") or {}
        asked = self.values["scored"]
        lists = [*own.items(), *asked.items()]
        named = {dataset for _, datasets in lists for dataset in datasets}
        unnamed = [d for d in self.datasets if d not in named]
        on_demand = {score for score, datasets in lists if not datasets}
        found = {}
        for score in [*asked, *(set(scores()) - set(asked))]:
            wanted = set(asked.get(score, []))
            if score not in on_demand:
                wanted |= {d for d in unnamed if not scores()[score].unfit(self.dataset(d))}
            if datasets := [d for d in self.datasets if d in wanted]:
                found[score] = datasets
        return found

    def dataset(self, name: str):
        """The description of a dataset or of a folder of images, from data.registry."""
        if name not in self._described:  # every job of a plan asks
            self._described[name] = registry.dataset(name, self.folders.get(name))
        return self._described[name]

    def like(self, dataset: str) -> str | None:
        """The dataset whose entries a folder takes over; None for any other dataset."""
        if dataset not in self.folders:
            return None
        entry = self.folders[dataset]
        by_shape = "mnist" if entry["channels"] == 1 else "cifar10"
        if entry["channels"] == 3 and entry["side"] != 32:
            by_shape = "celeba"
        return entry.get("like") or by_shape

    def section(self, dataset: str, *path: str) -> dict:
        """Settings of one section for one dataset: `default` overlaid with the dataset's own.

        `section("mnist", "scores", "nll")` reads scores.nll of the preset. A folder's own entry
        is laid over that of the dataset it is like.
        """
        node = self.values
        for part in path:
            node = node.get(part, {})
        names = ("default", self.like(dataset), dataset)
        entries = [node[name] for name in names if name in node]
        return copy.deepcopy({key: value for entry in entries for key, value in entry.items()})

    def data_settings(self, dataset: str) -> dict:
        """What `data.prepare` takes as --params.

        For a folder its entry, completed by the defaults of data.folder, and how many images to
        take, which its own entry of `data` says alone: the counts of the dataset that it is like
        are that one's.
        """
        if dataset not in self.folders:
            return self.section(dataset, "data")
        entry = FOLDER_DEFAULTS | self.folders[dataset]
        entry.pop("like", None)
        limits = {"train": None, "test": None} | self.values["data"].get(dataset, {})
        return entry | limits | {"source": "folder"}

    def method(self, name: str, value_range: str) -> dict:
        """A catalogue entry as training sees it: without label and overrides, traits concrete."""
        entry = self.catalogue[name]
        traits = objectives()[entry["objective"]].traits
        chosen = {trait: entry.get(trait, traits[trait][0]) for trait in TRAITS}
        chosen["likelihood"] = chosen["likelihood"] or LIKELIHOODS[value_range]
        own = {key: value for key, value in entry.items() if key not in ("label", "model", "train")}
        return copy.deepcopy(own | chosen)

    def train_settings(self, dataset: str, method: str) -> dict:
        """What `models.train` takes as --params: {"model", "train", "method"}.

        The label is not in it: editing a label must not retrain.
        """
        entry = self.catalogue[method]
        return {
            "model": self.section(dataset, "model") | copy.deepcopy(entry.get("model", {})),
            "train": self.section(dataset, "train") | copy.deepcopy(entry.get("train", {})),
            "method": self.method(method, self.dataset(dataset).value_range),
        }

    def images(self, dataset: str) -> dict:
        """What is prepared of a dataset's images, see `workflow.counts.taken`."""
        if dataset not in self._images:
            described, data = self.dataset(dataset), self.data_settings(dataset)
            self._images[dataset] = counts.taken(described, data)
        return self._images[dataset]

    def image_counts(self, dataset: str) -> dict[str, int] | None:
        """{"train": n, "test": n} as the preset takes them; None where that is not known."""
        found = {split: self.images(dataset)[split] for split in counts.SPLITS}
        return found if all(found.values()) else None

    def limits(self, dataset: str) -> dict:
        """What the counts among a score's settings are measured by, see workflow.declarations."""
        samples = self.section(dataset, "samples").get("count")
        latents = [self.train_settings(dataset, m)["model"]["latent"] for m in self.methods]
        return self.images(dataset) | {"samples": samples, "latent": max(latents)}

    def score_settings(self, score: str, dataset: str) -> dict:
        """What `eval.<score>.score` takes as --params.

        A folder takes over settings that were made for other images: how many those ask for is cut
        to what there is, see workflow.bounds. What its own entry asks for is not: it can be refused.
        """
        settings = self.section(dataset, "scores", score)
        if dataset not in self.folders:
            return settings
        own = self.values["scores"].get(score, {}).get(dataset, {})
        return bounds.cut(settings, scores()[score].settings, self.limits(dataset), own)

    def noise_levels(self) -> dict[str, tuple[float, float]]:
        """{dataset: (smallest, largest)} of robustness' noise levels where it is scored.

        Where it is scored on nothing, those of `default`, which tables name in empty columns.
        """
        found = {
            dataset: self.section(dataset, "scores", "robustness").get("levels")
            for dataset in self.scored.get("robustness", ["default"])
        }
        return {dataset: (min(of), max(of)) for dataset, of in found.items() if of}

    def report_settings(self) -> dict:
        """What `workflow.report.collect` takes as --params.

        Tables show the smallest and the largest of robustness' noise levels: all datasets' alike.
        There are none where nothing has any.
        """
        ends = next(iter(self.noise_levels().values()), ())
        return {
            "methods": [
                {"name": m} | {k: v for k, v in self.catalogue[m].items() if k in ("label", "rate")}
                for m in self.methods
            ],
            "datasets": self.datasets,
            "seeds": self.seeds,
            "scored": self.scored,
            "levels": dict(zip(("small", "large"), ends, strict=False)),
        }


def main() -> None:
    """Check a file from the command line."""
    parser, usual = options(__doc__), ROOT / "params.yaml"
    parser.add_argument("file", type=Path, nargs="?", default=usual, help="settings to check")
    path = parser.parse_args().file
    try:
        config = load(path)
        check(config)
    except SettingsError as error:
        sys.exit(str(error) if str(path) in str(error) else f"{path}: {error}")
    chosen = Settings(config)
    runs = len(chosen.methods) * len(chosen.datasets) * len(chosen.seeds)
    print(f"{path}: preset {chosen.preset}, {runs} runs")


if __name__ == "__main__":
    main()
