"""Which jobs a change of one file or setting plans again, in Snakemake and in DVC: a table.

In a finished tree Snakemake lists every output's inputs, from which follows what each edit makes
stale. A comment is then appended to some of the files, or a setting is changed, and the engine itself
says which outputs it would make anew, and DVC which stages it would call. Jobs are named like
"train mnist vae" or "score mnist vae nll"; a pattern stands for all jobs that it matches.
"""

import fnmatch
import json
import shlex

import pytest
import yaml

from tests.pipeline import REPRO, common_folder, finished_copy, run, tiny_config, write_config

pytestmark = pytest.mark.pipeline

REPORT = ["metrics", "tables", "figures", "plots", "page"]
SCORES = ["reconstruction", "nll", "fid", "robustness", "information"]
# Only jobs that this score's own files concern.
FID, NLL = ["score * fid", *REPORT], ["score * nll", *REPORT]
VIMAE = ["train * vimae_l", "sample * vimae_l", "score * vimae_l *", *REPORT]

# file -> the jobs that a comment in it plans again, all others staying as they are
FILES = {
    # A dataset's file concerns that dataset, and so does its stand-in's.
    "data/datasets/mnist.py": ["* mnist*", *REPORT],
    "data/datasets/celeba.py": ["* celeba*", *REPORT],
    "data/datasets/faces.py": ["* celeba*", *REPORT],
    "data/datasets/cifar10.py": [],  # not selected
    "data/registry.py": [],
    "data/prepare.py": ["*"],
    "data/arguments.py": [],
    "data/files.py": [],
    "data/download.py": [],  # nothing official here
    # Training depends on what decides weights.
    "models/trainer.py": ["train *", "sample *", "score *", *REPORT],
    "models/pixels.py": ["train *", "sample *", "score *", *REPORT],
    "models/throughput.py": [],
    "models/provenance.py": [],
    "models/objectives/vim.py": VIMAE,
    "models/objectives/elbo.py": [pattern.replace("vimae_l", "vae") for pattern in VIMAE],
    "models/objectives/rate_target.py": [],
    "models/sample.py": ["sample *", *FID],
    # A score's file concerns that score.
    "eval/fid/kid.py": FID,
    "eval/fid/reference.py": ["reference *", *FID],
    "eval/nll/ais.py": NLL,
    "eval/tsvm/solver.py": ["score * robustness", *REPORT],
    "eval/job.py": ["score *", *REPORT],
    # A part of the report has its own files.
    "workflow/report/collect.py": REPORT,
    "workflow/report/tables.py": ["tables", "page"],
    "workflow/report/figures.py": ["figures", "page"],  # which holds them
    "workflow/report/pictures/style.mplstyle": ["figures", "page"],
    "workflow/report/page/style.css": ["page"],
    # What asks for jobs is not part of any.
    "workflow/report/commands.py": [],
    "workflow/settings.py": [],
    "workflow/resources.py": [],
    "workflow/rules/scores.smk": [],
}
# One of each kind, of which the engine itself is asked, at two seconds a question.
ASKED = [
    "data/datasets/mnist.py",
    "models/objectives/vim.py",
    "eval/fid/kid.py",
    "workflow/report/tables.py",
    "workflow/settings.py",
    "workflow/rules/scores.smk",
]
# path of a setting in params.yaml, its new value -> the jobs
SETTINGS = {
    ("catalogue.vae.label", "another"): REPORT,
    ("catalogue.vae.beta", 0.9): ["train * vae", "sample * vae", "score * vae *", *REPORT],
    ("presets.quick.train.default.epochs", 2): ["train *", "sample *", "score *", *REPORT],
    ("presets.quick.data.celeba.train", 110): ["* celeba*", *REPORT],
    ("presets.quick.samples.default.count", 110): ["sample *", *FID],
    ("presets.quick.scores.fid.default.groups", 5): ["reference *", *FID],
    ("presets.paper.samples.default.count", 9): [],  # this preset says otherwise
}
# folder -> the stages that DVC calls for a change in it, if only to hear that nothing is to be done
STAGES = {
    "data": {"data", "models", "samples", "scores", "report"},
    "models": {"models", "samples", "scores", "report"},
    "eval": {"data", "scores", "report"},
    "workflow": {"data", "models", "samples", "scores", "report"},
}
ALL_STAGES = STAGES["workflow"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A tree that both engines call finished."""
    folder = tmp_path_factory.mktemp("replanning") / "copy"
    return finished_copy(folder, common_folder(tmp_path_factory), REPRO)


def job_of(output: str) -> str:
    """The job that makes an output: "train mnist vae", "score mnist vae nll", "tables"."""
    if output.endswith("report.html"):
        return "page"
    parts = output.removesuffix("/seed0.npz").removesuffix("/seed0.json").split("/")[2:]
    match parts:
        case ["data", name]:
            return f"prepare {name.removesuffix('.npz')}"
        case ["runs", dataset, method, *_]:
            return f"train {dataset} {method}"
        case ["samples", dataset, method]:
            return f"sample {dataset} {method}"
        case ["references", score, name]:
            return f"reference {name.removesuffix('.npz')} {score}"
        case ["scores", score, dataset, method]:
            return f"score {dataset} {method} {score}"
        case ["metrics.json"]:
            return "metrics"
        case ["figures" | "plots" as name]:
            return name
        case _:
            return "tables"


def plan(folder, *targets: str) -> tuple[set[str], set[str]]:
    """Jobs that Snakemake would run for the targets, and all jobs that they consist of."""
    output = run(folder, "snakemake", "--cores", "8", *targets, "--summary").stdout
    rows = [line.split("\t") for line in output.splitlines() if line.startswith("results/")]
    planned = {job_of(row[0]) for row in rows if row[-1] == "update pending"}
    return planned, {job_of(row[0]) for row in rows}


@pytest.fixture(scope="module")
def needs(finished):
    """{job: (its outputs, its input files)}, of all jobs, as the engine lists them."""
    output = run(finished, "snakemake", "--cores", "8", "all", "--detailed-summary").stdout
    rows = [line.split("\t") for line in output.splitlines() if line.startswith("results/")]
    found = {}
    for row in rows:
        outputs, inputs = found.setdefault(job_of(row[0]), (set(), set()))
        outputs.add(row[0])
        inputs.update(row[4].split(","))
    return found


def stale(file: str, needs: dict) -> set[str]:
    """Jobs that need a file, or an output of one of these jobs."""
    changed, found = {file}, set()
    while more := {job for job, (_, inputs) in needs.items() if inputs & changed} - found:
        found |= more
        changed = set().union(*(needs[job][0] for job in more))
    return found


def changed_stages(folder) -> set[str]:
    """Stages that `dvc repro` would call."""
    return set(json.loads(run(folder, "dvc", "status", "--json").stdout))


def expand(patterns: list[str], jobs: set[str]) -> set[str]:
    """The jobs that the patterns stand for; each must stand for one at least."""
    found = set()
    for pattern in patterns:
        matching = set(fnmatch.filter(jobs, pattern))
        assert matching, f"no job is called {pattern}"
        found |= matching
    return found


def test_a_finished_tree_has_nothing_to_do(finished):
    planned, jobs = plan(finished, "all")
    assert planned == set()
    assert jobs >= {"prepare mnist", "train celeba vae", "reference celeba fid", "tables"}
    assert {job.split()[-1] for job in jobs if job.startswith("score ")} == set(SCORES)
    assert changed_stages(finished) == set()


@pytest.mark.parametrize("file", FILES)
def test_what_a_file_makes_stale(finished, needs, file):
    assert (finished / file).is_file()
    planned = stale(file, needs)
    assert planned == expand(FILES[file], set(needs))
    check_stages(planned, STAGES[file.split("/")[0]])


@pytest.mark.parametrize("file", ASKED)
def test_the_engine_plans_what_a_file_makes_stale(finished, file):
    path = finished / file
    original = path.read_text()
    try:
        path.write_text(f"{original}\n# changed\n")
        planned, jobs = plan(finished, "all")
        assert planned == expand(FILES[file], jobs)
    finally:
        path.write_text(original)


@pytest.mark.parametrize(("setting", "value"), SETTINGS)
def test_a_changed_setting(finished, setting, value):
    config = tiny_config()
    *above, key = setting.split(".")
    node = config
    for part in above:
        node = node[part]
    assert node[key] != value
    node[key] = value
    try:
        write_config(finished, config)
        planned, jobs = plan(finished, "all")
        assert planned == expand(SETTINGS[setting, value], jobs)
    finally:
        write_config(finished, tiny_config())


def check_stages(planned: set[str], stages: set[str]) -> None:
    """No job is planned whose stage DVC calls up to date."""
    of_rule = {"prepare": "data", "train": "models", "sample": "samples"}
    of_rule |= {"reference": "scores", "score": "scores"}
    assert {of_rule.get(job.split()[0], "report") for job in planned} <= stages


@pytest.mark.parametrize("file", ["data/store.py", "models/mmd.py", "eval/nll/ais.py", "Snakefile"])
def test_dvc_calls_a_stage_for_any_file_of_its_folders(finished, file):
    path = finished / file
    original = path.read_text()
    try:
        path.write_text(f"{original}\n# changed\n")
        assert changed_stages(finished) == STAGES.get(file.split("/")[0], ALL_STAGES)
    finally:
        path.write_text(original)


def test_dvc_calls_every_stage_for_a_setting(finished):
    config = tiny_config()
    config["catalogue"]["vae"]["label"] = "another"
    try:
        write_config(finished, config)
        assert changed_stages(finished) == ALL_STAGES
    finally:
        write_config(finished, tiny_config())


def test_dvc_makes_snakemake_plan_the_same_jobs(finished):
    """The calls of the changed stages come to what `snakemake all` would do, each in its phase."""
    path = finished / "data/datasets/celeba.py"
    original = path.read_text()
    stages = yaml.safe_load((finished / "dvc.yaml").read_text())["stages"]
    try:
        path.write_text(f"{original}\n# changed\n")
        whole, _ = plan(finished, "all")
        called = set()
        for stage in changed_stages(finished):
            commands = stages[stage]["cmd"]
            call = commands if isinstance(commands, str) else commands[-1]
            program, cores, number, target = shlex.split(call)
            assert (program, cores) == ("snakemake", "--cores") and number.isdigit()
            planned, _ = plan(finished, target)
            assert planned <= whole
            called |= planned
        assert called == whole
    finally:
        path.write_text(original)
