"""What a cluster does to jobs, done on purpose in a throw-away Slurm, and the numbers compared.

    tests/slurm/cluster.sh DIR python -m tests.slurm.rehearse LOCAL REMOTE PLUGIN

LOCAL and REMOTE are copies of the repository with the same settings (tests/test_slurm.py makes them);
LOCAL is finished. In REMOTE, trainings get a time limit that they cannot keep; one is cancelled; the
engine is killed while jobs run, and the same command given again. PLUGIN is a folder into which
snakemake-executor-plugin-slurm was installed. Exits with 1, and says why, if the scores, weights or
histories are not LOCAL's, or if anything that was to happen did not.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from data.arguments import options
from data.files import read_json
from tests.pipeline import ENVIRONMENT, compare

ENGINE = (
    *("snakemake", "--workflow-profile", "profiles/slurm", "scores"),
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"),
    *("--set-resources", "train:runtime=1", "--retries", "9", "--latency-wait", "10"),
)
# Writes down each submission, one JSON list of words a line.
SBATCH = """#!{python}
import json, os, sys
with open("sbatch.jsonl", "a") as file:
    file.write(json.dumps(sys.argv) + "\\n")
os.execv("{sbatch}", sys.argv)
"""
LIMIT = "Time limit exhausted"
WEIGHTS = "results/quick/runs/mnist/vae/seed{}/weights.safetensors"


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def query(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def training_jobs() -> dict[str, str]:
    """State of each training job in the queue, by id. The comment of a job begins with its rule."""
    rows = [
        line.split("|") for line in query("squeue", "--noheader", "-o", "%i|%T|%k").splitlines()
    ]
    return {number: state for number, state, comment in rows if "train" in comment}


def until(happened, what: str, seconds: float = 600):
    """Wait until `happened()` is true, and return what it is."""
    end = time.time() + seconds
    while time.time() < end:
        if found := happened():
            return found
        time.sleep(1)
    sys.exit(f"did not happen within {seconds:.0f} s: {what}")


def logged(folder: Path, text: str) -> list[Path]:
    return [
        path
        for path in folder.glob("results/quick/logs/train/**/*.log")
        if text in path.read_text()
    ]


def sessions(folder: Path, seed: int) -> list[dict]:
    record = (folder / WEIGHTS.format(seed)).with_name("run.json")
    return read_json(record)["sessions"]


def start(folder: Path, environment: dict) -> subprocess.Popen:
    """The engine, in a session of its own; what it says is added to engine.log."""
    log = open(folder / "engine.log", "a")  # noqa: SIM115
    return subprocess.Popen(
        ENGINE, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
    )


def agree(local: Path, remote: Path) -> None:
    """Weights bit by bit, learning curves and scores number by number."""
    found = compare(local, remote, ("weights", "learning curves", "scores"))
    for _, others in found.values():
        if others:
            sys.exit(f"{others[0]}: other numbers than the local run's")
    count = sum(number for number, _ in found.values())
    say(f"{count} weights, learning curves and scores are those of the local run")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("local", type=Path, help="the finished copy, whose numbers are right")
    parser.add_argument("remote", type=Path, help="the copy that is run here")
    parser.add_argument("plugin", type=Path, help="where snakemake-executor-plugin-slurm is")
    args = parser.parse_args()
    local, folder, plugin = args.local, args.remote, args.plugin
    wrapper = folder / "bin" / "sbatch"
    wrapper.parent.mkdir()
    sbatch = query("which", "sbatch").strip()
    wrapper.write_text(SBATCH.format(python=sys.executable, sbatch=sbatch))
    wrapper.chmod(0o755)
    environment = ENVIRONMENT | {"PYTHONPATH": str(plugin), "VIMAE_DEVICE": ""}
    environment["PATH"] = f"{wrapper.parent}{os.pathsep}{environment['PATH']}"

    engine = start(folder, environment)
    running = until(
        lambda: [job for job, state in training_jobs().items() if state == "RUNNING"], "a training"
    )
    until(lambda: len(logged(folder, "epoch 10/")) == 2, "two trainings on their way")
    query("scancel", running[0])
    say(f"cancelled job {running[0]}, a training")
    until(lambda: logged(folder, "resum"), "a training that goes on after an interruption")
    say("a training went on from where it was stopped")
    controller = Path(os.environ["REHEARSAL_LOG"])
    until(lambda: LIMIT in controller.read_text(), "a training at its time limit")
    say("a training reached its time limit of one minute")
    until(lambda: "RUNNING" in training_jobs().values(), "a training that runs again")
    engine.kill()
    engine.wait()
    say(f"killed the engine; left in the queue: {training_jobs()}")
    engine = start(folder, environment)
    code = engine.wait()
    submitted = [json.loads(line) for line in (folder / "sbatch.jsonl").read_text().splitlines()]
    say(f"the same command again: exit code {code}, {len(submitted)} submissions in all")
    if code:
        sys.exit((folder / "engine.log").read_text()[-4000:])
    agree(local, folder)
    for seed in (0, 1):
        say(f"seed {seed}: sessions {sessions(folder, seed)}")
    limits = controller.read_text().count(LIMIT)
    say(f"time limits reached: {limits}; still in the queue: {training_jobs() or 'nothing'}")
    asked = next(words for words in submitted if "rule_train_wildcards_mnist_vae_0" in words)
    print("sbatch", *(word for word in asked[1:] if not word.startswith("--wrap")), flush=True)


if __name__ == "__main__":
    main()
