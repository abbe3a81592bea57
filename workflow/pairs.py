"""How far methods are apart in any value of a run, with its error: what docs/findings.md quotes.

    python -m workflow.pairs results/narrow/metrics.json
    python -m workflow.pairs results/narrow/metrics.json mnist robustness.tsvm.mask_zero.0.5

The first shows VIMAE-n less the VAE (`--methods`: the first less the second) in what the paper's tables
are about, on every dataset, with what the paper prints of it. The second has one value by method and
seed, and every method less every later one. With a dataset alone: the names of its values.

Intervals are of 95 %, as verdicts take them (rules 1 and 2 of docs/verdict.md) but for a correction: one
pair in twenty without any difference is shown as having one. Of one seed they are over images, and say
nothing of another seed. ‡: the estimator does not vouch for it.
"""

import itertools
import sys
from pathlib import Path

import pandas as pd

from data.arguments import options
from data.files import read_json
from workflow.report.text.contrast import PAIR, contrast_frame, difference, places
from workflow.report.text.writing import to_markdown
from workflow.report.verdict.evidence import run_grid


def document(metrics: dict, dataset: str, name: str, methods: list[str] | None = None) -> str:
    """Both tables as markdown, of the chosen methods or all; of no `name` the names that there are.

    ValueError says what is not there.
    """
    if dataset not in metrics["datasets"]:
        raise ValueError(f"{dataset}: no dataset there; there are {', '.join(metrics['datasets'])}")
    entry = metrics["datasets"][dataset]["methods"]
    known = sorted({value for of in entry.values() for value in of})
    names = [method["name"] for method in metrics["methods"]]
    chosen = methods or names
    place = dict(zip(chosen, places(metrics, chosen), strict=True))
    if not name:
        return "\n".join(known)
    if name not in known:
        raise ValueError(f"{name}: no value of {dataset}; there are {', '.join(known)}")
    grid = run_grid(metrics, dataset, name)
    values = pd.DataFrame(grid.values, names, [f"seed {seed}" for seed in metrics["seeds"]])
    values.insert(0, "mean", grid.means)
    pairs = {}
    for first, second in itertools.combinations(chosen, 2):
        effect = difference(grid, place[first], place[second], name)
        if effect:
            doubtful = grid.doubtful[[place[first], place[second]]].any()
            pairs[f"{first} - {second}"] = f"{effect}{'‡' * bool(doubtful)}"
    told = pd.Series(pairs, name="difference (95 % interval)", dtype=str)
    shown_values = values.loc[chosen].dropna(how="all").dropna(axis=1, how="all")
    return f"{shown_values.to_markdown(floatfmt='.4g')}\n\n{told.to_markdown()}"


def main() -> None:
    """The command line."""
    parser = options(__doc__)
    parser.add_argument("metrics", type=Path, help="metrics.json of a run or a study")
    parser.add_argument("dataset", nargs="?", help="its name there (default: all, two methods)")
    parser.add_argument("value", nargs="?", default="", help="its name there")
    parser.add_argument("--methods", nargs="+", help="of these (default: all; vimae_n vae)")
    args = parser.parse_args()
    try:
        if not args.metrics.is_file():
            raise ValueError(f"{args.metrics}: no such file; give a metrics.json")
        metrics = read_json(args.metrics, ("datasets", "methods", "seeds"), "give a metrics.json")
        if args.methods and len(args.methods) < 2:
            raise ValueError(f"--methods {args.methods[0]}: name two or more, to be compared")
        if args.dataset:
            print(document(metrics, args.dataset, args.value, args.methods))
        elif args.methods and len(args.methods) != 2:
            sys.exit(f"--methods {' '.join(args.methods)}: without a dataset two are compared")
        else:
            print(to_markdown(contrast_frame(metrics, *(args.methods or PAIR))))
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
