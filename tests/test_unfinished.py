"""One run fails: the others finish, what is missing is said with its reason, and nothing poses as whole."""

import re
import subprocess
from pathlib import Path

import pytest

from models.interruption import GOES_ON
from tests.pipeline import common_folder, finished_copy, run
from workflow import unfinished

ALL = ("snakemake", "--cores", "8", "all")
SCORE = "results/quick/scores/reconstruction/mnist/{}/seed0.json"
# After the imports of a score's module, so that its own `score` is the one that is wrapped.
FAILS = """

def fails_for_vae(inputs, inner=score):
    if inputs.run.info["method"] == "vae":
        raise ValueError("a fault made on purpose")
    return inner(inputs)

score = fails_for_vae

if __name__ == "__main__":"""


@pytest.mark.pipeline
def test_one_failing_score_is_not_all(tmp_path, tmp_path_factory):
    folder = finished_copy(tmp_path / "copy", common_folder(tmp_path_factory))
    module = folder / "eval" / "reconstruction" / "score.py"
    whole = module.read_text()
    of_the_whole = [folder / "results" / name for name in ("tables.md", "quick/metrics.json")]
    before = [path.read_bytes() for path in of_the_whole]
    module.write_text(whole.replace('\n\nif __name__ == "__main__":', FAILS))
    # One job at a time: the failing one comes first, and nothing else runs that could just go on.
    result = run(folder, *ALL, check=False, environment={"VIMAE_PROCESSORS": "1"})
    assert result.returncode != 0
    assert not (folder / SCORE.format("vae")).exists()
    assert (folder / SCORE.format("vimae_l")).stat().st_mtime > module.stat().st_mtime
    page = folder / "results/quick/partial/tables.md"
    assert str(page.relative_to(folder)) in result.stdout
    text = page.read_text()
    missing, _, rest = text.partition("### Table I:")
    assert f"**{SCORE.format('vae')}**: ValueError: a fault made on purpose" in missing
    assert "so not made: results/quick/metrics.json" in missing
    assert "### Table II:" in rest
    # What stands for a whole run is untouched, and the next run makes the rest alone.
    assert [path.read_bytes() for path in of_the_whole] == before
    module.write_text(whole)
    run(folder, *ALL)
    assert (folder / SCORE.format("vae")).exists() and not page.exists()
    assert "Nothing to be done" in run(folder, *ALL).stdout


class Job:
    """As much of the engine's job as is asked for."""

    def __init__(self, output: str, log: str = ""):
        self.output, self.log = [output] * bool(output), [log] * bool(log)


def test_what_waits_is_named_below_what_failed(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("epoch 1\nTraceback ...\nValueError: why\n\n")
    train, score, other = Job("weights", str(log)), Job("score", "score.log"), Job("other")
    every, target = Job("metrics"), Job("")
    needs = {train: {}, other: {}, score: {train: {}}, every: {score: {}}, target: {every: {}}}
    lines = unfinished.missing([train, score, every, target], {train}, needs)
    assert lines[0].startswith("- **weights**: ValueError: why ([log](")
    assert lines[1:] == ["    - so not made: metrics", "    - so not made: score"]
    (line,) = unfinished.missing([target], {target}, {target: {}})  # a rule without a file, `show`
    assert "no word in its log" in line


def test_a_job_that_stopped_has_not_failed(tmp_path):
    words = {"failed": "ValueError: why", "stopped": "time budget used up: x; " + GOES_ON}
    for name, line in words.items():
        (tmp_path / name).write_text(f"epoch 1\n{line}\n")
    failed, stopped = (Job(name, str(tmp_path / name)) for name in words)
    says = {"failed": "Jobs that failed: 1", "stopped": f"jobs that stopped ({GOES_ON}): 1"}
    assert unfinished.outcome({failed}) == says["failed"]
    assert unfinished.outcome({stopped}) == says["stopped"]
    assert unfinished.outcome({failed, stopped}) == "; ".join(says.values())


def test_a_log_has_all_that_a_job_said_and_nothing_of_the_last_time(tmp_path):
    """Neither of its two writers, the job and the copy of its stderr, writes over the other."""
    files = (Path(__file__).parents[1] / "workflow/rules").glob("*.smk")
    rules = "".join(path.read_text() for path in files)
    (redirect,) = set(re.findall(r'" (>.* 2> >\(tee -a \{log\} >&2\))"', rules))
    log = tmp_path / "log"
    log.write_text("of the last time\n" * 9)
    says = {"a warning that is long", "epoch 1", "the end"}
    job = "echo a warning that is long >&2; sleep 0.5; echo epoch 1; sleep 0.5; echo the end >&2"
    # The pipe of stderr is closed when the copy is done.
    done = subprocess.run(
        ["bash", "-c", f"({job}) {redirect.format(log=log)}"], capture_output=True, check=True
    )
    assert set(log.read_text().splitlines()) == says
    assert set(done.stderr.decode().splitlines()) == says - {"epoch 1"}


def test_a_log_without_words(tmp_path):
    assert unfinished.last_words(tmp_path / "none.log") == "no word in its log"
    (tmp_path / "empty.log").touch()
    assert unfinished.last_words(tmp_path / "empty.log") == "no word in its log"


def test_no_tables_of_nothing(tmp_path):
    """Nothing finished: the page has the reasons, and is no crash."""
    params = {"methods": [], "datasets": [], "seeds": [0], "scored": {}}
    params["levels"] = {"small": 0.1, "large": 0.5}
    page = unfinished.render(tmp_path, "quick", params, [], ["- **weights**: why"])
    assert page.read_text().startswith("# Not everything was made\n\n- **weights**: why\n")


def test_files_that_were_not_made_now_do_not_count(tmp_path):
    """They may be of other settings: their job is planned, and never began."""
    for name in ("scores/a.json", "scores/b.json", "runs/weights.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    params = {"methods": [], "datasets": [], "seeds": [], "scored": {}}
    finished = [str(tmp_path / name) for name in ("scores/a.json", "runs/weights.safetensors")]
    unfinished.render(tmp_path, "quick", params | {"levels": {}}, finished, [])
    links = {path.name for path in Path(tmp_path / "partial").rglob("*") if path.is_symlink()}
    assert links == {"a.json"}
