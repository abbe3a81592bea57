"""The record: the runs that are committed with their scores, and what is rendered of them.

    python -m workflow.record --preset narrow      # render what there is (make record: of `paper`)
    python -m workflow.record --missing --preset narrow --seeds 0

The record is the best run that is committed: of preset `paper` once it has every data set that `narrow`
has, until then of `narrow`.
It grows in parts, over many sessions and machines, and is committed without weights: the records of
runs and scores lie in results/<preset>/record/, where no engine looks for outputs of its own. Asked
for all of a preset, the engine would train again what the record has. `--missing` prints the scores
that it lacks, by seed, then dataset, then method, as targets for the engine, which then does what
they need and no more:

    targets=$(python -m workflow.record --missing --preset narrow) &&
    snakemake --cores 2 $targets --config preset=narrow

Rendering first takes finished runs and scores into the record, also while an engine goes on. What is
of other weights than the run beside it, here or in the record, is named and left out. It then shows
what is there; n says so in every cell. It writes results/<preset>/{metrics.json, summary/, tables.md,
tables/, figures/, plots/, report.html}; record/, metrics.json, tables.md, tables/ and figures/ are to
be committed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from data.arguments import options
from data.files import atomic_write, read_json
from workflow.measured import RUNS, SAMPLES, SCORES
from workflow.report.commands import commands
from workflow.settings import ROOT, Settings, SettingsError, check, load

PRESETS = ("paper", "narrow")  # that make a record, the best first
# Values per unit and samples are taken in too, but not committed: they are large, and metrics.json and
# the figures have what they tell.
TAKEN_IN = (*RUNS, *SCORES, *SAMPLES)


def committed(preset: str, results: Path = Path("results")) -> Path | None:
    """The metrics.json that stands as `record` beside a run of `preset`; None without one.

    A run of a preset that makes the record is not its own, and a better run has none. A better one
    that lacks a data set of another is none yet.
    """
    better = PRESETS[: PRESETS.index(preset)] if preset in PRESETS else PRESETS
    paths = {name: results / name / "metrics.json" for name in PRESETS}
    found = {name: path for name, path in paths.items() if path.exists()}
    while len(found) > 1:
        first, *others = found.values()
        if datasets(first) >= set().union(*map(datasets, others)):
            break
        del found[next(iter(found))]
    return next((path for name, path in found.items() if name in better), None)


def datasets(metrics: Path) -> set[str]:
    """The data sets of a committed metrics.json."""
    remedy = "`git checkout` it, or remove it"
    return set(read_json(metrics, ("datasets",), remedy)["datasets"])


def run_of(path: Path) -> Path:
    """The run, <dataset>/<method>/seed<n>, of a file of TAKEN_IN; `path` begins below the preset's folder."""
    parts = path.with_suffix("").parts
    return Path(*(parts[1:4] if parts[0] == "runs" else parts[-3:]))


def why_not(folder: Path, path: Path) -> str | None:
    """Why a file of results/<preset> may not be taken into its record, None if it may.

    Programs write run.json last of a run, and a score's JSON after its values per unit. Scores name
    their weights; samples, and scores before 2026-11-25, do not: what was made before the run was is
    of others.
    """
    run = folder / "runs" / run_of(path.relative_to(folder)) / "run.json"
    if not run.exists():
        return "its run is not there: removed, or being trained again"
    if path.parent == run.parent:
        return None
    if path.is_relative_to(folder / "scores"):
        score = path.with_suffix(".json")
        if not score.exists():
            return "of a score that is not finished"
        if named := read_json(score).get("weights_sha256"):
            same = named == weights_of(run)
            return None if same else "of other weights than its run; have the engine make it again"
    if path.stat().st_mtime_ns < run.stat().st_mtime_ns:
        return "older than its run, hence of other weights; have the engine make it again"
    return None


def weights_of(run: Path) -> str:
    """Digest of the weights that a run.json is of."""
    return read_json(run, ("weights_sha256",))["weights_sha256"]


def other_runs(folder: Path, kept: Path) -> dict[Path, str]:
    """Runs whose weights are not those of the same run in the record, and what to do."""
    found = {}
    for path in folder.glob(RUNS[0]):
        run, recorded = path.parent.relative_to(folder / "runs"), kept / path.relative_to(folder)
        if recorded.exists() and weights_of(path) != weights_of(recorded):
            found[run] = (
                "other weights than in the record. To have this run instead, remove"
                f" {recorded.parent}, {kept}/scores/*/{run}.* and {kept}/samples/{run}.npz"
            )
    return found


def take_in(folder: Path) -> Path:
    """Copy what finished in results/<preset> into its record/, beside a link to the data.

    What may not be taken in is said on stderr, a line each, with the reason.
    """
    kept = folder / "record"
    if not any(Path(of).glob(RUNS[0]) for of in (folder, kept)):
        return kept
    kept.mkdir(parents=True, exist_ok=True)
    if not (kept / "data").is_symlink():
        (kept / "data").symlink_to(Path("..") / "data")
    others = other_runs(folder, kept)
    for run, why in others.items():
        print(f"left out: {folder / 'runs' / run} and its scores: {why}", file=sys.stderr)
    for path in sorted(path for pattern in TAKEN_IN for path in folder.glob(pattern)):
        copy = kept / path.relative_to(folder)
        if run_of(path.relative_to(folder)) in others:
            continue
        if why := why_not(folder, path):
            print(f"left out: {path}: {why}", file=sys.stderr)
        elif not copy.exists() or copy.stat().st_mtime_ns != path.stat().st_mtime_ns:
            times = path.stat()  # before: what replaces the file meanwhile is copied next time
            with atomic_write(copy) as temporary:
                shutil.copyfile(path, temporary)
            os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
    return kept


def render(preset: str) -> None:
    """Run the report's commands on the preset's record, as far as they go."""
    config = load() | {"preset": preset}
    out = Path("results", preset)
    kept = take_in(ROOT / out)
    if not any(kept.glob(RUNS[0])):
        sys.exit(f"{out}: no run of preset {preset} is finished; train one first (docs/record.md)")
    lines = commands(
        preset,
        Settings(config).report_settings(),
        root=kept,
        out=out,
        partial=True,
        kept=True,
        record=committed(preset, ROOT / "results"),
    )
    for words in lines.values():
        subprocess.run(words, cwd=ROOT, check=True)


def missing(settings: Settings, results: Path = Path("results")) -> list[str]:
    """Score files of a preset that its record lacks, in the order of their worth."""
    folder = results / settings.preset
    wanted = [
        f"scores/{score}/{dataset}/{method}/seed{seed}.json"
        for seed in settings.seeds
        for dataset in settings.datasets
        for method in settings.methods
        for score, datasets in settings.scored.items()
        if dataset in datasets
    ]
    return [str(folder / path) for path in wanted if not (folder / "record" / path).exists()]


def main() -> None:
    """The command line."""
    parser = options(__doc__)
    parser.add_argument("--preset", default="paper", help="whose record")
    parser.add_argument("--missing", action="store_true", help="print the scores to be made")
    parser.add_argument("--datasets", nargs="+", help="with --missing: of these (default: all)")
    seeds = "with --missing: of these (default: the preset's)"
    parser.add_argument("--seeds", nargs="+", type=int, help=seeds)
    args = parser.parse_args()
    config = load() | {"preset": args.preset, "datasets": args.datasets, "seeds": args.seeds}
    try:
        check(config)
    except SettingsError as error:
        sys.exit(str(error))
    if not args.missing:
        if args.datasets or args.seeds:
            parser.error(
                "--datasets and --seeds go with --missing; what is there is rendered whole"
            )
        return render(args.preset)
    targets = missing(Settings(config))
    if not targets:  # without a target the engine would make all
        chosen = [
            f"--{name} {' '.join(map(str, of))}"
            for name, of in (("datasets", args.datasets), ("seeds", args.seeds))
            if of
        ]
        sys.exit(f"nothing is missing of preset {' '.join([args.preset, *chosen])}")
    print("\n".join(targets))


if __name__ == "__main__":
    main()
