"""The studies behind the record (docs/studies.md): what they cost, what they measure, their tables.

    python -m workflow.study estimate [NAME ...] [--steps N]
    python -m workflow.study robustness [--preset narrow] [--datasets ...] [--methods ...] [--seeds ...]
    python -m workflow.study render [NAME ...]

`robustness` scores finished runs again and trains nothing; the same command goes on where it was
stopped. The others are presets, `study_<name>`, which the engine runs; `render` shows what there is of
them. Tables and figures go to results/studies/.
"""

import argparse
import sys

from workflow.settings import ROOT, Settings, SettingsError, check, load
from workflow.studies.definitions import STUDIES

RESULTS = ROOT / "results"


def selected(args: argparse.Namespace) -> Settings:
    """The settings of --preset with the selection of the command line."""
    chosen = {key: getattr(args, key) for key in ("datasets", "methods", "seeds")}
    config = load() | {"preset": args.preset} | chosen
    check(config)
    return Settings(config)


def run_robustness(args: argparse.Namespace) -> None:
    """Make the cells of the selection that are missing, then show all of the preset's."""
    from workflow.studies import apart, robustness  # which load torch

    for line in robustness.compute(selected(args), RESULTS):
        print(line, flush=True)
    whole = argparse.Namespace(preset=args.preset, datasets=None, methods=None, seeds=None)
    print(apart.render(selected(whole), RESULTS) or "no cell to show")


def run_render(args: argparse.Namespace) -> None:
    """Show what has been run of the studies."""
    from workflow.studies.render import render

    for name in args.names or STUDIES:
        print(render(STUDIES[name], RESULTS) or f"{STUDIES[name].preset}: nothing has been run")


def run_estimate(args: argparse.Namespace) -> None:
    """Print runs and core hours."""
    from workflow.studies.cost import estimate

    args.datasets = args.methods = args.seeds = None
    print(estimate(args.names or list(STUDIES), args.steps, selected(args), RESULTS))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    robust = commands.add_parser("robustness", help=run_robustness.__doc__)
    robust.add_argument("--datasets", nargs="+")
    robust.add_argument("--methods", nargs="+")
    robust.add_argument("--seeds", nargs="+", type=int)
    robust.set_defaults(function=run_robustness)
    drawing = commands.add_parser("render", help=run_render.__doc__)
    drawing.set_defaults(function=run_render)
    cost = commands.add_parser("estimate", help=run_estimate.__doc__)
    cost.add_argument("--steps", type=int, default=5, help="timed optimisation steps of each kind")
    cost.set_defaults(function=run_estimate)
    for command in (drawing, cost):
        command.add_argument("names", nargs="*", metavar="NAME", help=", ".join(STUDIES))
    for command in (robust, cost):
        command.add_argument("--preset", default="narrow", help="whose runs: narrow")
    args = parser.parse_args()
    if unknown := set(getattr(args, "names", ())) - set(STUDIES):
        parser.error(f"{', '.join(sorted(unknown))}: no study; there are {', '.join(STUDIES)}")
    try:
        args.function(args)
    except (SettingsError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
