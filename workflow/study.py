"""The studies behind the record (docs/studies.md): what they cost, what they measure, their tables.

    python -m workflow.study estimate
    python -m workflow.study robustness --preset narrow --datasets mnist --seeds 0
    python -m workflow.study render attribution

`robustness` scores finished runs again and trains nothing; the same command goes on where it was
stopped. The others are presets, `study_<name>`, which the engine runs; `render` shows what there is of
them. Tables and figures go to results/studies/.
"""

import argparse
import sys

from data.arguments import options
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

    readings = args.readings or robustness.READINGS
    if unknown := set(readings) - set(robustness.READINGS):
        there = ", ".join(robustness.READINGS)
        raise SettingsError(f"--readings: no {', '.join(sorted(unknown))}; there are {there}")
    chosen = [cell.reading for cell in robustness.cells(selected(args), RESULTS)]
    if not set(readings) & set(chosen):
        raise SettingsError(
            "no cell is chosen: robustness is not scored on these data sets, or they have not these "
            "readings; leave out --datasets or --readings to see which there are"
        )
    for line in robustness.compute(selected(args), RESULTS, readings):
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
    parser = options(__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function) -> argparse.ArgumentParser:
        words, shape = function.__doc__, parser.formatter_class
        added = commands.add_parser(name, help=words, description=words, formatter_class=shape)
        added.set_defaults(function=function)
        return added

    robust = command("robustness", run_robustness)
    selections = (("datasets", str), ("methods", str), ("seeds", int), ("readings", str))
    for name, kind in selections:
        robust.add_argument(f"--{name}", nargs="+", type=kind, help="of these (default: all)")
    drawing, cost = command("render", run_render), command("estimate", run_estimate)
    cost.add_argument("--steps", type=int, default=5, help="timed optimisation steps of each kind")
    for added in (drawing, cost):
        names = f"{', '.join(STUDIES)} (default: all)"
        added.add_argument("names", nargs="*", metavar="NAME", help=names)
    for added in (robust, cost):
        added.add_argument("--preset", default="narrow", help="whose runs")
    args = parser.parse_args()
    if unknown := set(getattr(args, "names", ())) - set(STUDIES):
        parser.error(f"{', '.join(sorted(unknown))}: no study; there are {', '.join(STUDIES)}")
    try:
        args.function(args)
    except (SettingsError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
