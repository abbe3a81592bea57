"""What methods, datasets and corruptions are called wherever they are shown."""

from workflow.report.paper import paper

NamedRun = tuple[str, dict]  # ("record" or "run", the content of its metrics.json)
CORRUPTIONS = {
    "gaussian_clipped": "Gaussian noise (clipped to the range)",
    "gaussian": "Gaussian noise (not clipped)",
    "mask_zero": "mask (0 in the data's range)",
    "mask_black": "mask (black)",
    "brightness": "brightness raised",
    "contrast": "contrast lowered",
}


def corruption_label(name: str) -> str:
    """What a corruption is called; one not known here by its own name."""
    return CORRUPTIONS.get(name, name.replace("_", " "))


def method_labels(*sources: NamedRun) -> dict[str, str]:
    """Name and label of every method of the last source and then of those before it, in order.

    Of two labels the last source's stands.
    """
    labels: dict[str, str] = {}
    for _, metrics in reversed(sources):
        for method in metrics["methods"]:
            labels.setdefault(method["name"], method["label"])
    return labels


def dataset_names(metrics: dict) -> list[str]:
    """Every dataset of a run: the paper's in its order, then the others by name."""
    own = [name for name in paper().datasets if name in metrics["datasets"]]
    return own + sorted(set(metrics["datasets"]) - set(own))


def dataset_title(metrics: dict, dataset: str) -> str:
    """The dataset's name as its file states it; the paper's for one that was not run."""
    entry = metrics["datasets"].get(dataset)
    return entry["meta"]["title"] if entry else paper().datasets.get(dataset, dataset)


def dataset_label(metrics: dict, dataset: str) -> str:
    """The title, with what a reader must not miss about the images behind a number."""
    title, entry, remarks = dataset_title(metrics, dataset), metrics["datasets"].get(dataset), []
    if entry and entry["meta"]["synthetic"]:
        remarks.append("synthetic stand-in")
    elif entry and dataset in paper().counted:
        counts = entry["meta"]["counts"]
        remarks.append(f"{counts['train']:,} + {counts['test']:,} images")
    if dataset not in paper().datasets:
        remarks.append("not in the paper")
    return f"{title} ({', '.join(remarks)})" if remarks else title


def count_of(done: set[int], wanted: int) -> str:
    """Counts of what is done, and how many there are to be: "3", "1 of 3", "1 to 2 of 3"."""
    low, high = min(done, default=wanted), max(done, default=wanted)
    some = f"{low} to {high}" if low < high else f"{low}"
    return f"{some} of {wanted}" if low < wanted else some


def seeds_text(done: set[int], wanted: int) -> str:
    """The same of seeds: "3 seeds", "1 to 2 of 3 seeds"."""
    return f"{count_of(done, wanted)} seed{'s' * (max({wanted, *done}) > 1)}"
