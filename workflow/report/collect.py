"""Gather the runs and scores of a preset into one file, from which all that is read is made.

    python -m workflow.report.collect --preset quick --root results/quick --out metrics.json \\
        --params '{"methods": [{"name": "vae", "label": "VAE"}], "datasets": ["mnist"],
        "seeds": [0], "scored": {"nll": ["mnist"]}, "levels": {"small": 0.1, "large": 0.5}}'

Of the settings, scored is {score: [datasets]}; levels are the noise levels that the tables show.
Exactly what is named is read, never what a folder happens to hold: a seed removed from the
configuration must not linger in a mean. A missing file is an error; with `--partial` (a record made
in parts) it is left out and n says so, as is a dataset without any run. A committed record keeps
neither the data nor the values per unit: `--kept` names an earlier file made from them, from which
what they tell, descriptions of datasets and paired errors, is taken over where they are gone.

A score is {"values": {name: {"value", "se", "interval", "doubtful"}}}, as `eval.measured` makes it;
beside it lies one array file with its values per unit, see `workflow.report.paired`.
"""

import json
import re
import statistics
from dataclasses import dataclass
from pathlib import Path

from data.arguments import takes_settings
from data.arrays import open_arrays
from data.files import atomic_write, read_json
from workflow.report.arguments import report_options
from workflow.report.paired import paired

RUN_KEYS = ("status", "seconds", "utilisation", "params", "precision", "provenance")
SCORE_KEYS = ("status", "values", "protocol", "seconds")
NOT_MEASURED = {"value": None, "se": None, "interval": None, "doubtful": False}


def summarise(values: list[float | None], diverged: int) -> dict:
    """Mean, sample standard deviation (None below two), n and the values, one a seed."""
    present = [value for value in values if value is not None]
    return {
        "mean": statistics.fmean(present) if present else None,
        "std": statistics.stdev(present) if len(present) > 1 else None,
        "n": len(present),
        "values": values,
        "diverged": diverged,
    }


def summarise_measured(measured: list[dict], diverged: int) -> dict:
    """The same of measured numbers, one a seed, with their errors and how many are doubtful."""
    return summarise([entry["value"] for entry in measured], diverged) | {
        "se": [entry["se"] for entry in measured],
        "interval": [entry["interval"] for entry in measured],
        "doubtful": sum(entry["doubtful"] for entry in measured),
    }


def agree(records: list[dict]) -> dict:
    """What the records say, key by key: the value if all agree, else {"differs": [values]}."""
    merged = {}
    for key in sorted({key for record in records for key in record}):
        found = {json.dumps(r[key], sort_keys=True): r[key] for r in records if key in r}
        values = [found[text] for text in sorted(found)]
        if all(isinstance(value, dict) for value in values):
            merged[key] = agree(values)
        else:
            merged[key] = values[0] if len(values) == 1 else {"differs": values}
    return merged


def dataset_meta(path: Path) -> dict:
    """The description that `data.store` wrote; the images are not read."""
    with open_arrays(path, "delete it and run the data phase again") as stored:
        header = json.loads(str(stored["header"]))
    return header["meta"]


@dataclass(frozen=True)
class Tree:
    """The results folder of a preset, and which part of it is read."""

    root: Path
    methods: list[str]
    seeds: list[int]
    partial: bool

    def paths(self, pattern: str) -> dict[str, list[Path | None]]:
        """The files that `pattern` ({method}, {seed}) names: by method, one a seed.

        None stands for a missing one, if that is allowed.
        """
        found = {}
        for method in self.methods:
            paths = [self.root / pattern.format(method=method, seed=seed) for seed in self.seeds]
            absent = [path for path in paths if not path.exists()]
            if absent and not self.partial:
                raise FileNotFoundError(
                    f"{absent[0]}: missing; run its job, or take it out of methods/datasets/seeds"
                )
            found[method] = [path if path.exists() else None for path in paths]
        return found

    def records(self, pattern: str, keys: tuple[str, ...]) -> dict[str, list[dict | None]]:
        """What is in these files, which are JSON and have these keys."""
        return {
            method: [read_json(path, keys) if path else None for path in paths]
            for method, paths in self.paths(pattern).items()
        }


def diverged(records: list[dict | None]) -> int:
    """How many of the records are of runs that diverged."""
    return sum(record["status"] == "diverged" for record in records if record)


def collect_runs(tree: Tree, dataset: str) -> tuple[dict, list[dict]]:
    """How training went (seconds, images/s, ...) by method, and the records themselves."""
    by_method = tree.records(f"runs/{dataset}/{{method}}/seed{{seed}}/run.json", RUN_KEYS)
    entries = {}
    for method, records in by_method.items():
        runs = [run for run in records if run]
        if not runs:
            continue
        failed = diverged(runs)
        flat = [{"seconds": run["seconds"]} | run["utilisation"] if run else {} for run in records]
        names = {
            name for numbers in flat for name in numbers if isinstance(numbers[name], int | float)
        }
        entries[method] = {
            name: summarise([numbers.get(name) for numbers in flat], failed)
            for name in sorted(names)
        }
        entries[method]["count"] = {"runs": len(runs), "diverged": failed}
    return entries, [run for runs in by_method.values() for run in runs if run]


def summaries(score: str, records: dict[str, list[dict | None]]) -> dict[str, dict]:
    """Per method, one summary a value over its seeds.

    A method that has no value of a name has no summary of it, unless it diverged: the others know
    the names that it would have had.
    """
    values = {m: [r["values"] if r else {} for r in rs] for m, rs in records.items()}
    own = {m: {name for seed in seeds for name in seed} for m, seeds in values.items()}
    every = set().union(*own.values())
    return {
        method: {
            f"{score}.{name}": summarise_measured(
                [seed.get(name, NOT_MEASURED) for seed in values[method]], diverged(records[method])
            )
            for name in sorted(every if diverged(records[method]) else own[method])
        }
        for method in records
        if any(records[method])
    }


def collect_score(tree: Tree, score: str, dataset: str) -> dict:
    """One score on one dataset: summaries by method, paired errors, shared protocol, seconds."""
    pattern = f"scores/{score}/{dataset}/{{method}}/seed{{seed}}"
    by_method = tree.records(f"{pattern}.json", SCORE_KEYS)
    records = [record for records in by_method.values() for record in records if record]
    return {
        "methods": summaries(score, by_method),
        "paired": paired(score, tree.paths(f"{pattern}.npz"), tree.seeds),
        "protocol": agree([r["protocol"] for r in records if r["status"] == "done"]),
        "seconds": sum(r["seconds"] for r in records),
    }


def provenance(runs: list[dict]) -> dict:
    """Commit, hardware and versions of all runs, and when they were made."""
    common = agree([{k: v for k, v in r["provenance"].items() if k != "date"} for r in runs])
    dates = sorted(r["provenance"]["date"] for r in runs) or [None]
    return common | {"first_run": dates[0], "last_run": dates[-1], "runs": len(runs)}


def kept_pairs(errors: dict, kept: dict) -> dict:
    """Paired errors with those of seeds whose array files are gone, as an earlier file has them."""

    def filled(new: list[list], old: list[list]) -> list[list]:
        rows = zip(new, old, strict=True)
        return [[b if a is None else a for a, b in zip(*row, strict=True)] for row in rows]

    both = {}
    for name in sorted(errors.keys() | kept.keys()):
        entry, earlier = errors.get(name), kept.get(name)
        if entry and earlier and entry["units"] == earlier["units"]:
            old, new = earlier["covariance"], entry["covariance"]
            matrices = {seed: filled(new[seed], old[seed]) for seed in old.keys() & new.keys()}
            entry = entry | {"covariance": old | new | matrices}
        both[name] = entry or earlier
    return both


def reordered(errors: dict, earlier: list[dict], methods: list[dict]) -> dict:
    """Paired errors with matrices in the order of `methods` instead of `earlier`'s, by name.

    None stands for a method that was not there.
    """
    place = {method["name"]: index for index, method in enumerate(earlier)}
    places = [place.get(method["name"]) for method in methods]

    def matrix(of: list[list]) -> list[list]:
        return [[None if None in (a, b) else of[a][b] for b in places] for a in places]

    return {
        name: entry | {"covariance": {seed: matrix(of) for seed, of in entry["covariance"].items()}}
        for name, entry in errors.items()
    }


def collect(
    root: Path, params: dict, *, preset: str, partial: bool = False, kept: dict | None = None
) -> dict:
    """The whole of `metrics.json`; see the module's docstring for `params` and `kept`."""
    methods = params["methods"]
    tree = Tree(root, [method["name"] for method in methods], params["seeds"], partial)
    datasets, protocols, seconds, all_runs = {}, {}, {"training": 0.0}, []
    for dataset in params["datasets"]:
        run_entries, runs = collect_runs(tree, dataset)
        if partial and not runs:
            continue
        values: dict[str, dict] = {method: {} for method in run_entries}
        errors: dict[str, dict] = {}
        for score in (s for s, wanted in params["scored"].items() if dataset in wanted):
            collected = collect_score(tree, score, dataset)
            for method, summary in collected["methods"].items():
                values.setdefault(method, {}).update(summary)
            errors |= collected["paired"]
            protocols.setdefault(score, {})[dataset] = collected["protocol"]
            seconds[score] = seconds.get(score, 0.0) + collected["seconds"]
        data = root / "data" / f"{dataset}.npz"
        earlier = (kept or {}).get("datasets", {}).get(dataset)
        if earlier:
            errors = kept_pairs(errors, reordered(earlier["paired"], kept["methods"], methods))
        datasets[dataset] = {
            "meta": dataset_meta(data) if data.exists() or not earlier else earlier["meta"],
            "settings": agree([{k: run["params"][k] for k in ("model", "train")} for run in runs]),
            "precision": sorted({run["precision"] for run in runs}),  # had, not asked for
            "runs": run_entries,
            "methods": values,
            "paired": errors,
        }
        seconds["training"] += sum(run["seconds"] for run in runs)
        all_runs += runs
    return {
        "preset": preset,
        "levels": params["levels"],
        "methods": methods,
        "seeds": params["seeds"],
        "datasets": datasets,
        "protocols": protocols,
        "provenance": provenance(all_runs),
        "seconds": {name: round(total, 3) for name, total in seconds.items()},
    }


def as_text(metrics: dict) -> str:
    """Sorted, indented JSON with each list of numbers on one line: short, and made to be compared."""
    text = json.dumps(metrics, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    # A line break is never part of a string in JSON, so these brackets are lists.
    innermost = r"\[\n\s*([^\[\]{}]*?)\n\s*\]"
    return re.sub(innermost, lambda m: "[" + re.sub(r"\n\s*", " ", m[1]) + "]", text) + "\n"


def main() -> None:
    """The command line."""
    parser = report_options(__doc__, "root")
    parser.add_argument("--preset", required=True, help="its name, for the tables to say")
    takes_settings(parser)
    parser.add_argument("--out", type=Path, required=True, help="metrics.json, to be written")
    parser.add_argument("--partial", action="store_true", help="leave out what is missing")
    parser.add_argument("--kept", type=Path, help="an earlier metrics.json of this record, if any")
    args = parser.parse_args()
    kept = read_json(args.kept) if args.kept and args.kept.exists() else None
    options = {"preset": args.preset, "partial": args.partial, "kept": kept}
    metrics = collect(args.root, args.params, **options)
    with atomic_write(args.out) as temporary:
        temporary.write_text(as_text(metrics), encoding="utf-8")
    print(f"{len(metrics['datasets'])} datasets, {len(metrics['methods'])} methods -> {args.out}")


if __name__ == "__main__":
    main()
