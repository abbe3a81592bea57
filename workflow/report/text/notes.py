"""What stands around the tables: how a number was made, and why two numbers do not compare."""

import re
from fractions import Fraction

import pandas as pd

from workflow.progress import spoken
from workflow.report.labels import (
    count_of,
    dataset_label,
    dataset_names,
    dataset_title,
    seeds_text,
)
from workflow.report.paper import Table
from workflow.report.values import fid_name

LONGEST_LIST = 4
WAE_FID_IMAGES = 10_000  # tolstikhin/wae; the paper does not say
WAE_EPOCHS = {"celeba": 50}  # and 100 of the others; again the paper does not say


def shown(value: object) -> str:
    """A value as a person would write it; hashes shortened, values that differ side by side."""
    if isinstance(value, dict) and set(value) == {"differs"}:
        return " / ".join(abridged(value["differs"]))
    if isinstance(value, list):
        return "[" + ", ".join(abridged(value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "unset"}[value]
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return re.sub(r"\b([0-9a-f]{10})[0-9a-f]{22,}\b", r"\1…", str(value))


def abridged(values: list) -> list[str]:
    """The values, or the first and the last of a long list."""
    if len(values) <= LONGEST_LIST:
        return [shown(value) for value in values]
    return [shown(values[0]), "…", shown(values[-1])]


def flat_text(protocol: dict, prefix: str = "") -> dict[str, str]:
    """A nested protocol as {"split": "test", "reference test": "10,000", ...}."""
    texts = {}
    for key, value in protocol.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict) and set(value) != {"differs"}:
            texts |= flat_text(value, f"{name} ")
        else:
            texts[name] = shown(value)
    return texts


def protocol_lines(metrics: dict, score: str, datasets: set[str]) -> list[str]:
    """How a score was made, one entry a line, naming a dataset only where it differs."""
    by_dataset = {
        dataset_title(metrics, dataset): flat_text(protocol)
        for dataset, protocol in metrics["protocols"].get(score, {}).items()
        if dataset in datasets
    }
    lines = []
    for key in dict.fromkeys(key for texts in by_dataset.values() for key in texts):
        texts = {title: t[key] for title, t in by_dataset.items() if key in t}
        if len(set(texts.values())) == 1 and len(texts) == len(by_dataset):
            lines.append(f"{key}: {next(iter(texts.values()))}")
        else:
            lines.append(f"{key}: " + ", ".join(f"{title} {t}" for title, t in texts.items()))
    return lines


def protocol_text(metrics: dict, scores: list[str], datasets: set[str]) -> str:
    """How scores were made on datasets, as a list; empty if nothing was run."""
    parts = []
    for score in scores:
        lines = protocol_lines(metrics, score, datasets)
        if lines:
            parts.append("\n".join([f"- {score}", *(f"  - {line}" for line in lines)]))
    return "\n".join(parts)


def width_text(settings: dict) -> str:
    """The network's width as a share of the reference's filters."""
    width = settings["model"]["width"]
    if isinstance(width, int | float):
        return str(Fraction(width).limit_denominator(64)) if width != 1 else "full"
    return shown(width)


def official_count(meta: dict, split: str) -> int | None:
    """How many images the dataset officially has; None for one that has no official count."""
    return (meta["official_counts"] or {}).get(split)


def deviations(metrics: dict, table: Table) -> list[str]:
    """Why the run's column does not compare with the paper's; empty if nothing is known."""
    counts: dict[str, list[str]] = {"train": [], "test": []}
    generated, widths, epochs, fewer, others = [], [], {}, False, []
    for dataset in dict.fromkeys(column.dataset for column in table.columns.values()):
        entry = metrics["datasets"].get(dataset, {"settings": {}})
        if not entry["settings"]:
            continue  # nothing was run
        label, meta = dataset_title(metrics, dataset), entry["meta"]
        if meta["synthetic"]:
            others.append(f"{label} is a synthetic stand-in, drawn, not photographed")
        for split, found in counts.items():
            count, official = meta["counts"][split], official_count(meta, split)
            if official and count < official and not meta["synthetic"]:
                found.append(f"{label} {count:,} of {official:,}")
        if width_text(entry["settings"]) != "full":
            widths.append(width_text(entry["settings"]))
        trained = entry["settings"]["train"]["epochs"]
        epochs[label] = shown(trained)
        fewer |= isinstance(trained, int) and trained < WAE_EPOCHS.get(dataset, 100)
        fid = fid_name(metrics, dataset)
        if "fid" in table.scores and fid.startswith("FID-") and "2048" not in fid:
            others.append(
                f"{fid} is taken from a shallow layer, another quantity than the paper's FID on"
                " 2048 pool3 features"
            )
        images = metrics["protocols"].get("fid", {}).get(dataset, {}).get("generated")
        if "fid" in table.scores and isinstance(images, int) and images < WAE_FID_IMAGES:
            generated.append(f"{label} {images:,}")
    reasons = list(dict.fromkeys(others))
    if counts["train"]:
        reasons.append(f"small data (training images: {', '.join(counts['train'])})")
    if counts["test"]:
        reasons.append(f"few test images ({', '.join(counts['test'])})")
    if generated:
        reasons.append(
            f"FID of fewer generated images than WAE's {WAE_FID_IMAGES:,} ({', '.join(generated)}),"
            " biased upward by more"
        )
    if widths:
        reasons.append(f"narrow networks ({', '.join(dict.fromkeys(widths))} of the filters)")
    if reasons or fewer:
        alike = len(set(epochs.values())) == 1
        each = set(epochs.values()) if alike else [f"{name} {n}" for name, n in epochs.items()]
        reasons.append(f"epochs: {', '.join(each)}")
    return reasons


def settings_frame(metrics: dict) -> pd.DataFrame:
    """What was run: a row a dataset."""
    rows = []
    for dataset in dataset_names(metrics):
        meta, settings = (metrics["datasets"][dataset][key] for key in ("meta", "settings"))
        row = {"dataset": dataset_label(metrics, dataset)}
        for split in ("train", "test"):
            count, official = meta["counts"][split], official_count(meta, split)
            part = official and count != official and not meta["synthetic"]
            row[f"{split} images"] = f"{count:,}" + (f" of {official:,}" if part else "")
        columns = ("network width", "latent dimensions", "epochs", "arithmetic", "seeds")
        row |= dict.fromkeys(columns, "not run")
        if settings:
            row["network width"] = width_text(settings)
            row["latent dimensions"] = shown(settings["model"]["latent"])
            row["epochs"] = shown(settings["train"]["epochs"])
            row["arithmetic"] = ", ".join(metrics["datasets"][dataset]["precision"])
            row["seeds"] = count_of({seeds_run(metrics, [dataset])}, len(metrics["seeds"]))
        rows.append(row)
    return pd.DataFrame(rows)


def seeds_run(metrics: dict, datasets: list[str]) -> int:
    """Of how many seeds that method was run which has most."""
    runs = [of for d in datasets for of in metrics["datasets"][d]["runs"].values()]
    return max((of["count"]["runs"] for of in runs), default=0)


def size_text(metrics: dict) -> str:
    """A run's preset and how large it was."""
    run = {name: entry for name, entry in metrics["datasets"].items() if entry["settings"]}
    settings = [entry["settings"] for entry in run.values()]
    widths = dict.fromkeys(width_text(own) for own in settings)
    epochs = dict.fromkeys(shown(own["train"]["epochs"]) for own in settings)
    seeds = seeds_text({seeds_run(metrics, [name]) for name in run}, len(metrics["seeds"]))
    return (
        f"preset `{metrics['preset']}`: networks {', '.join(widths)} of the reference's width,"
        f" epochs {', '.join(epochs)}, {seeds}"
    )


def code_version(origin: dict) -> str:
    """The commit, and whether it was changed; where it is unknown, the digest of the code."""
    commit, dirty = origin.get("commit"), origin.get("dirty")
    if commit is None:
        return f"code {shown(origin.get('code_sha256'))}, commit unknown"
    if isinstance(dirty, dict):  # the runs differ
        return f"commit {shown(commit)} (some runs with uncommitted changes)"
    state = {False: "", None: " (unknown state)"}.get(dirty, " + uncommitted changes")
    return f"commit {shown(commit)}{state}"


def origin_line(metrics: dict, source: str) -> str:
    """One line: preset, hardware, date, code and durations of a source."""
    origin, spent = metrics["provenance"], dict(metrics["seconds"])
    training = spoken(spent.pop("training"))
    date = (origin["last_run"] or "never")[:10]
    return (
        f"- **{source}**: preset `{metrics['preset']}`, {shown(origin.get('hardware'))}, {date},"
        f" {code_version(origin)}; {origin['runs']} runs, training {training}, scores"
        f" {spoken(sum(spent.values()))} in all."
    )
