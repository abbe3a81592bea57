"""A run that is killed again and again, against one that is not: what was lost?

    python -m tests.stress --kills 14 --seed 0

In a copy of the repository with tiny settings (every score) one run goes undisturbed. In another the
plain command is given again and again, and stopped at random moments: SIGKILL, SIGTERM or SIGINT, to
the process that was called or to all of its process group, Snakemake and DVC in turn. After each stop
a wrong setting is tried too. When all stops are spent the command may go on to the end. Then numbers
are compared, jobs made twice and files left over counted, and a tally in Markdown printed. Exits with
1 if anything was lost. Takes about ten minutes of two cores.
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

from data.arguments import options
from data.files import read_json
from tests.pipeline import ALL, ENVIRONMENT, REPRO, compare, copy_repository, run, tiny_config
from tests.traces import half_written, job, left_over, made, outputs, size, wait_for_the_rest
from workflow.declarations import scores

COMMANDS = {"snakemake": ALL, "dvc": REPRO}
# As often as they are written: which signal, and whether all of the process group gets it.
STOPS = [
    *2 * [(signal.SIGKILL, False), (signal.SIGKILL, True)],
    *[(signal.SIGTERM, False), (signal.SIGTERM, True)],
    (signal.SIGINT, True),
]
WRONG = [
    *("methods=[vea]", "datasets=[imagenet]", "epoch=3", "seeds=[-1]", "preset=fast"),
    *("scored={nll: [celeba2]}", "presets={quick: {train: {default: {epochs: many}}}}"),
]
TEMPORARY = "tmp"
PATIENCE = 3600  # seconds: of a call that is not stopped, or is to end, on however busy a machine
HALF_ALIVE = "another run is at work here"  # said while a part of the killed run goes on


@dataclass
class Tally:
    """What happened, and what was lost."""

    stops: Counter = field(default_factory=Counter)  # by engine, signal, and to whom
    calls: int = 0
    waited: int = 0  # calls refused because a part of the stopped run was still at work
    failures: list[str] = field(default_factory=list)  # calls that failed for no reason of ours
    wrong: int = 0
    accepted_wrong: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)  # finished outputs that were made again
    left: list[str] = field(default_factory=list)
    half_written: int = 0
    numbers: Counter = field(default_factory=Counter)  # compared, by kind
    other: list[str] = field(default_factory=list)
    continued: int = 0  # trainings that went on from a saved state
    rounds: int = 0

    @property
    def losses(self) -> list[str]:
        """All that should not be."""
        return [*self.failures, *self.accepted_wrong, *self.again, *self.left, *self.other]


Plan = deque[tuple[str, signal.Signals, bool]]  # of stops: the engine, the signal, to the group?


def say(what: str) -> None:
    """One line with the time."""
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def settings() -> dict:
    """Tiny: one method, every score, trainings of some seconds that save their state each second."""
    config = tiny_config() | {"methods": ["vimae_l"]}  # the one that is pre-trained too
    fits = {name: "celeba" if "channels" in s.fits else "mnist" for name, s in scores().items()}
    config["scored"] = {name: [dataset] for name, dataset in fits.items()} | config["scored"]
    train = config["presets"]["quick"]["train"]["default"]
    train |= {"epochs": 150, "checkpoint_seconds": 1}
    return config


def planned(kills: int, engines: list[str], moments: random.Random) -> Plan:
    """Engines in turn, each through STOPS in an order of its own."""
    stops = {engine: itertools.cycle(moments.sample(STOPS, len(STOPS))) for engine in engines}
    turns = itertools.islice(itertools.cycle(engines), kills)
    return deque((engine, *next(stops[engine])) for engine in turns)


def environment(folder: Path) -> dict:
    """With the system's temporary folder where it can be looked at: beside the copy."""
    temporary = folder.parent / TEMPORARY
    temporary.mkdir(exist_ok=True)
    return ENVIRONMENT | {"TMPDIR": str(temporary)}


def call(folder: Path, engine: str, tally: Tally) -> tuple[subprocess.Popen, Path]:
    """Give the plain command, in a session of its own; what it says goes into a file."""
    tally.calls += 1
    log = folder.with_name(f"{folder.name}.{tally.calls:02d}.log")
    with open(log, "w") as file:
        process = subprocess.Popen(
            COMMANDS[engine],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    return process, log


def finished(process: subprocess.Popen, log: Path, folder: Path, tally: Tally) -> bool:
    """After a command that ended by itself: is all done? If it may not go on yet, wait."""
    if process.returncode == 0:
        return True
    if HALF_ALIVE in log.read_text():
        tally.waited += 1
        wait_for_the_rest(folder, PATIENCE)
    else:
        tally.failures.append(f"{log}: exit code {process.returncode}")
        say(tally.failures[-1])
    return False


def stop(process: subprocess.Popen, folder: Path, plan: Plan, tally: Tally) -> None:
    """Send the plan's next signal and wait for the end of the process that was called."""
    engine, number, group = plan.popleft()
    whom = "its process group" if group else "it alone"
    running = sorted({job(name) for name in outputs(folder, "incomplete")})
    (os.killpg if group else os.kill)(process.pid, number)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        tally.failures.append(f"{engine} did not end within {PATIENCE} s of {number.name}")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    tally.stops[engine, number.name, whom] += 1
    shown = ", ".join(running) or "nothing"
    say(f"stop {tally.stops.total()}: {number.name} to {engine}, {whom}; running: {shown}")


def try_wrong_setting(folder: Path, wrong: str, tally: Tally) -> None:
    """It is refused, and nothing of the half-finished run changes."""
    before = made(folder)
    words = (*COMMANDS["snakemake"], "--config", wrong)
    result = run(folder, *words, environment=environment(folder), check=False)
    tally.wrong += 1
    refused = result.returncode != 0 and "wrong settings" in result.stdout
    if not refused or not before.items() <= made(folder).items():
        tally.accepted_wrong.append(f"not refused: {wrong}")


def compare_times(before: dict[str, int], folder: Path, what: str, tally: Tally) -> dict[str, int]:
    """Note what was finished before and has been made since; return what is finished now."""
    now = made(folder)
    for name, when in before.items():
        if now.get(name) != when:
            tally.again.append(f"made again: {name}, noticed after {what}")
            say(tally.again[-1])
    return now


def disturbed(folder: Path, plan: Plan, longest: float, moments, tally: Tally) -> None:
    """One run, stopped until the plan is spent or all is done; then to its end."""
    copy_repository(folder, settings())
    tally.rounds += 1
    before: dict[str, int] = {}
    wrong, engines = itertools.cycle(WRONG), itertools.cycle(COMMANDS)
    done = False
    while not done and not tally.failures:
        process, log = call(folder, plan[0][0] if plan else next(engines), tally)
        try:
            process.wait(moments.uniform(0, longest) if plan else None)
            done = finished(process, log, folder, tally)
        except subprocess.TimeoutExpired:
            stop(process, folder, plan, tally)
            try_wrong_setting(folder, next(wrong), tally)
        before = compare_times(before, folder, log.name, tally)
    if not done:
        return
    for engine, command in COMMANDS.items():  # neither has anything to do
        run(folder, *command, environment=environment(folder), timeout=PATIENCE)
        compare_times(before, folder, f"{engine} at the end", tally)


def seconds(folder: Path) -> float:
    """That the plain command takes."""
    began = time.time()
    run(folder, *COMMANDS["snakemake"], timeout=PATIENCE)
    return time.time() - began


def report(tally: Tally, args, jobs: int, times: tuple[float, float], temporary: str) -> str:
    """The tally in Markdown."""
    by = {place: Counter() for place in range(3)}
    for way, count in tally.stops.items():
        for place, name in enumerate(way):
            by[place][name] += count
    stops = "; ".join(", ".join(f"{n} {count}" for n, count in by[p].items()) for p in by)
    rows = {
        "undisturbed run": f"{jobs} outputs, {times[0]:.0f} s",
        "runs stopped again and again": f"{tally.rounds}, {times[1]:.0f} s in all",
        "stops": f"{tally.stops.total()} ({stops})",
        "calls of the plain command": f"{tally.calls}, all without a flag",
        "of these refused while a part of the stopped run was at work": tally.waited,
        "failed for another reason": len(tally.failures),
        "wrong settings tried in between": tally.wrong,
        "not refused": len(tally.accepted_wrong),
        "trainings that went on from a saved state": tally.continued,
    }
    rows |= {f"{kind} compared": number for kind, number in tally.numbers.items()}
    rows |= {
        "of these different or missing": len(tally.other),
        "finished outputs made again": len(tally.again),
        "states, locks or processes left over": len(tally.left),
        "half-written files, which a run an hour later removes": tally.half_written,
        "in the system's temporary folder, which is its own to clear": temporary,
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    return "\n".join([f"| `--kills {args.kills} --seed {args.seed}` | |", "| --- | --- |", *lines])


def stress(folder: Path, args) -> tuple[Tally, str]:
    """Both runs below `folder`."""
    moments, tally = random.Random(args.seed), Tally()
    plan = planned(args.kills, [args.engine] if args.engine else list(COMMANDS), moments)
    right = copy_repository(folder / "undisturbed", settings())
    whole, start = (seconds(right) for _ in range(2))
    say(f"undisturbed: {len(made(right))} outputs in {whole:.0f} s; {start:.0f} s to find nothing")
    # Such that the stops fall all over one run: each costs a start and what was running.
    longest = 2 * (2 * start + 0.8 * whole / args.kills)
    began = time.time()
    while plan and not tally.failures:
        copy = folder / f"stopped{tally.rounds + 1}"
        disturbed(copy, plan, longest, moments, tally)
        tally.left += left_over(copy)
        tally.half_written += len(half_written(copy))
        for kind, (number, others) in compare(right, copy).items():
            tally.numbers[kind] += number
            tally.other += [f"other numbers: {path}" for path in others]
        for path in copy.glob("results/quick/runs/*/*/*/run.json"):
            tally.continued += len(read_json(path)["sessions"]) - 1
    times = (whole, time.time() - began)
    return tally, report(tally, args, len(made(right)), times, size(folder / TEMPORARY))


def main() -> None:
    """The command line."""
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, default=14, help="how often to stop it")
    parser.add_argument("--seed", type=int, default=0, help="of moments and of the stops' order")
    parser.add_argument("--engine", choices=COMMANDS, help="one alone (default: both in turn)")
    kept = "new folder for both runs, kept (default: a temporary one, removed if all is well)"
    parser.add_argument("--folder", type=Path, help=kept)
    args = parser.parse_args()
    # Else what `nohup` or `&` started would hand on that SIGINT is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = args.folder or Path(tempfile.mkdtemp(prefix="stress-"))
    tally, text = stress(folder.resolve(), args)
    print(text, *tally.losses, sep="\n")
    if tally.losses:
        sys.exit(f"something was lost; see {folder}")
    if not args.folder:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
