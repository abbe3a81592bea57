"""What pages quote of the studies is what their committed results say."""

import pytest

from data.files import read_json
from tests.quoted import ROOT, Table, by_seed, cells, merged, quotes, said_seeds, tables

CAUSES = "docs/causes.md"
GENERATION = "docs/generation.md"
# Studies whose table has a row a method: the table's first row begins so, the dataset, what rows are
# called if not by the method's label, and what all methods' names end in.
BY_ROW = {
    ("", "divergence", "encoder", "clean", "Gauss 0.5, clipped", "mask 0.5"): (
        "attribution",
        "mnist",
        {"AE": "ae", "VAE (0.05 × squared error), collapsed as predicted": "vae_squared_error"},
        "",
    ),
    ("no norm",): (
        "attribution",
        "mnist",
        {
            "β-VAE (β = 0.1, Gaussian)": "beta_vae_gaussian",
            "AE, pre-trained as VIMAE is": "ae_pretrained",
        },
        "_no_norm",
    ),
    ("MNIST",): (
        "weights",
        "mnist",
        {"β = 0.2": "beta_vae_02", "β = 0.1": "beta_vae_01", "VIMAE-n, λ = 10": "vimae_n"},
        "",
    ),
    ("VIMAE",): (
        "capacity",
        "mnist",
        {
            "Normal, σ = 0.5": "vimae_n_scale_05",
            "Normal, σ = 1 (VIMAE-n)": "vimae_n",
            "Normal, σ = 2": "vimae_n_scale_2",
            "Logistic, variance of σ = 1 (VIMAE-l)": "vimae_l",
            "Logistic, entropy of σ = 1": "vimae_l_matched",
            "Logistic, s = 1": "vimae_l_s1",
            "Normal, 4 dimensions": "vimae_n_code_4",
            "Normal, 16 dimensions": "vimae_n_code_16",
        },
        "",
    ),
    ("", "divergence", "encoder", "clean", "Gauss 0.5, clipped", "not clipped"): (
        "omniglot",
        "omniglot",
        {},
        "",
    ),
    ("batch's own statistics",): ("omniglot", "omniglot", {}, ""),
}
SHORT = {  # rows by the method's label, in other words
    "VAE (flips 0.01)": "vae_flipped_1",
    "VAE (flips 0.1)": "vae_flipped_10",
    "VAE (flips 0.1, black to white)": "vae_flipped_to_white",
    "VAE (flips 0.1, white to black)": "vae_flipped_to_black",
}
COLUMNS = {
    "clean": "robustness.tsvm.clean",
    "Gauss 0.5, clipped": "robustness.tsvm.gaussian_clipped.0.5",
    "three seeds": "robustness.tsvm.gaussian_clipped.0.5",
    "not clipped": "robustness.tsvm.gaussian.0.5",
    "mask 0.5": "robustness.tsvm.mask_zero.0.5",
    "error": "reconstruction.mean.cost",
    "error, mean of z": "reconstruction.mean.cost",
    "NLL": "nll.nll",
    "h(z), nats": "information.prior_entropy",
    "I(x; y) ≥": "information.information",
    "KL(q(z), p(z)), nats ≥": "information.divergence",
    "surprise": "response.surprise.0.2",
}
LOST = "not trained"  # says a cell of a seed that its row leaves out
NOT_NUMBERS = ("divergence", "encoder")
METHODS = {
    "β = 2": "beta_vae_high",
    "VAE": "vae",
    "β = 0.5": "beta_vae_low",
    "β = 0.1": "beta_vae_01",
    "VIMAE-n": "vimae_n",
    "VIMAE-l": "vimae_l",
}
# Studies whose table has a column a method: what stands in their rows.
ROWS = {
    "FID": "fid.fid.test",
    "FID, codes from the prior": "fid.fid.test",
    "FID, codes of the fitted Gaussian": "fitted.fid.test",
    "FID, codes of training images": "encoded.fid.test",
    "sharpness": "sharpness.samples.value",
    "error, z sampled": "reconstruction.sampled.cost",
    "error, mean of z": "reconstruction.mean.cost",
    "KL(q(z), p(z)), nats ≥": "information.divergence",
    "MMD": "information.mmd",
    "clean images, as recorded": "as_recorded.tsvm.clean",
    "clean images, one scale": "one_scale.tsvm.clean",
}
MIXED = "from the fitted Gaussian"  # rows of one seed, in which one cell has another seed, too


def without_reading(values: dict, reading: str) -> dict:
    """Cells of study 1 of one reading, called as the score's values are."""
    return {
        dataset: {
            method: {
                name.replace(f"{reading}.", "robustness.", 1): value
                for name, value in of.items()
                if name.startswith(f"{reading}.")
            }
            for method, of in methods.items()
        }
        for dataset, methods in values.items()
    }


def labelled(metrics: dict, ending: str, own: dict[str, str]) -> dict[str, str]:
    """{what a row is called: method}: by label, but for signs around "="; and as given."""
    by_label = {m["label"].replace("=", " = "): m["name"] for m in metrics["methods"]}
    by_label |= {label.replace(" (λ", ", λ").rstrip(")"): name for label, name in by_label.items()}
    bare = {
        label: name.removesuffix("_no_norm") for label, name in (by_label | SHORT | own).items()
    }
    return {label: name + ending for label, name in bare.items()}


def wrong_rows(
    table: Table, study: str, dataset: str, own: dict[str, str], ending: str
) -> list[str]:
    """Cells of a table of a row a method that the study does not say."""
    metrics, wrong = read_json(ROOT / f"results/studies/{study}/metrics.json"), []
    values = by_seed(metrics)[dataset]
    if table.head == "batch's own statistics":
        values = without_reading(cells(f"study_{study}"), "batch_statistics")[dataset]
    names = labelled(metrics, ending, own)
    for label, found in table.rows:
        if label.startswith("*"):
            continue
        by_seeds = next((cell for cell in found if LOST in cell), "").split(", ")
        lost = [seed for seed, said in enumerate(by_seeds) if said == LOST]
        for column, cell in zip(table.columns, found, strict=True):
            if column in NOT_NUMBERS:
                continue
            of = values[names[label]][COLUMNS[column]]
            right = [value for seed, value in of.items() if seed not in lost]
            if not quotes(cell, right):
                wrong.append(f"{label}, {column}: {cell}, not {right}")
    return wrong


@pytest.mark.parametrize("begins", BY_ROW, ids=lambda begins: f"{begins[0]}-{len(begins)}")
def test_a_studys_rows_are_what_it_says(begins):
    (table,) = (t for t in tables(CAUSES) if (t.head, *t.columns)[: len(begins)] == begins)
    assert len(table.rows) > 4
    assert wrong_rows(table, *BY_ROW[begins]) == []


@pytest.mark.parametrize("study", ["cifar10", "celeba"])
def test_a_studys_columns_are_what_it_says(study):
    own = [t for t in tables(GENERATION) if t.columns == list(METHODS) and study in t.head.lower()]
    assert own
    sources = [
        read_json(ROOT / f"results/{name}/metrics.json") for name in ("narrow", f"studies/{study}")
    ]
    measured = [*map(by_seed, sources), *map(cells, ("narrow", "study_cifar10"))]
    values, wrong = merged(*measured)[study], []
    rows = [(table.head, *row) for table in own for row in table.rows if MIXED not in row[0]]
    for head, label, found in rows:
        for column, cell in zip(METHODS, found, strict=True):
            of = values[METHODS[column]][ROWS[label]]
            right = [of[seed] for seed in said_seeds(head) if seed in of]
            if not quotes(cell, right):
                wrong.append(f"{label}, {column}: {cell}, not {right}")
    assert wrong == []


DIFFERENCES = {  # of study 5: the value, and whether it is a difference in percent
    "error, mean of z, %": ("reconstruction.mean.cost", True),
    "error, z sampled, %": ("reconstruction.sampled.cost", True),
    "NLL, nats": ("nll.nll", False),
    "FID, %": ("fid.fid.test", True),
    "KID": ("fid.kid.test", False),
    "clean, points": ("robustness.tsvm.clean", False),
    "clipped 0.5": ("robustness.tsvm.gaussian_clipped.0.5", False),
    "not clipped 0.5": ("robustness.tsvm.gaussian.0.5", False),
    "mask 0.5": ("robustness.tsvm.mask_zero.0.5", False),
}


def test_study_5s_differences_are_what_it_says():
    (table,) = (
        t for t in tables("docs/studies/scale.md") if any("(record)" in head for head in t.columns)
    )
    record, study = (
        by_seed(read_json(ROOT / f"results/{name}/metrics.json"))
        for name in ("narrow", "studies/scale")
    )
    dataset, wrong = "", []
    for label, found in table.rows:
        if label.startswith("*"):
            title, _, label = label.strip("*").partition(":* ")
            dataset = title.lower()
        name, relative = DIFFERENCES[label]
        for column, cell in zip(table.columns, found, strict=True):
            width, epochs = column.removesuffix(" (record)").removeprefix("1/").split(" × ")
            values = record if "record" in column else study
            ending = "" if "record" in column else f"_w{width}_e{epochs}"
            names = [f"{method}{ending}" for method in ("vimae_n", "vae")]
            if not set(names) <= set(values[dataset]):  # not trained
                wrong += [f"{dataset}, {label}, {column}: {cell}, not empty"] * bool(cell)
                continue
            of_both = [values[dataset][of][name] for of in names]
            pairs = [[of[seed] for of in of_both] for seed in (0, 1)]
            right = [100 * (a / b - 1) if relative else a - b for a, b in pairs]
            if not quotes(cell, right):
                wrong.append(f"{dataset}, {label}, {column}: {cell}, not {right}")
    assert wrong == []
