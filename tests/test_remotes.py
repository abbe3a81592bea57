"""`dvc push`, a fresh clone, `dvc pull`, one command: results, and nothing to be done."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from data import registry
from data.files import digest
from tests.pipeline import (
    ALL,
    ENVIRONMENT,
    REPRO,
    ROOT,
    common_folder,
    finished_copy,
    job_counts,
    run,
)
from workflow import pulled

TAKE_OVER = (sys.executable, "-m", "workflow.pulled")
PUSHED = ("runs", "samples", "references", "scores")
WEIGHTS = "results/quick/runs/mnist/vae/seed0/weights.safetensors"
SCORE = "results/quick/scores/fid/celeba/vimae_l/seed0.json"


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A finished tree whose `dvc repro` is done and pushed to a folder."""
    folder = tmp_path_factory.mktemp("remotes")
    tree = finished_copy(folder / "origin", common_folder(tmp_path_factory), REPRO)
    run(tree, "dvc", "remote", "add", "--default", "store", folder / "store")
    run(tree, "dvc", "push")
    return tree


def clone(origin: Path, folder: Path) -> Path:
    """What git would bring: no results, no notes of an engine, no cache; files as old as now."""
    left_out = shutil.ignore_patterns("results", ".snakemake", "cache", "tmp", "__pycache__")
    return Path(shutil.copytree(origin, folder, ignore=left_out, copy_function=shutil.copy))


def store(tree: Path) -> Path:
    return tree.parent / "store" / "files" / "md5"


def digests(tree: Path) -> dict[str, str]:
    """Of all files that a remote has, by path."""
    folders = [tree / "results" / "quick" / name for name in PUSHED]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(tree)): digest(path) for path in files}


def take_over(tree: Path) -> str:
    """Pull and the documented command; then nothing may be left to do in either engine."""
    run(tree, "dvc", "pull")
    output = run(tree, *TAKE_OVER).stdout
    assert "Nothing to be done" in run(tree, *ALL).stdout
    assert "up to date" in run(tree, "dvc", "status").stdout
    return output


@pytest.mark.pipeline
def test_who_pulls_has_results_and_nothing_to_do(origin, tmp_path):
    tree = clone(origin, tmp_path / "clone")
    output = take_over(tree)
    assert "accepted" in output and not job_counts(output).keys() & {"train", "sample", "score"}
    assert digests(tree) == digests(origin)
    assert "### Table V:" in (tree / "results" / "tables.md").read_text()
    # Accepted is not frozen: what a changed setting concerns is made again.
    config = yaml.safe_load((tree / "params.yaml").read_text())
    config["catalogue"]["vae"]["beta"] = 0.9
    (tree / "params.yaml").write_text(yaml.safe_dump(config))
    assert job_counts(run(tree, *ALL, "--dry-run").stdout)["train"] == 2


@pytest.mark.pipeline
@pytest.mark.parametrize("engine", [REPRO, ALL], ids=" ".join)
def test_no_engine_replaces_what_was_pulled(origin, tmp_path, engine):
    tree = clone(origin, tmp_path / "clone")
    run(tree, "dvc", "pull")
    result = run(tree, *engine, check=False)
    assert result.returncode != 0 and "python -m workflow.pulled" in result.stdout
    assert digests(tree) == digests(origin)


@pytest.mark.pipeline
def test_other_settings_are_not_accepted(origin, tmp_path):
    tree = clone(origin, tmp_path / "clone")
    run(tree, "dvc", "pull")
    text = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(text.replace("beta: 1.0", "beta: 1.5", 1))
    result = run(tree, *TAKE_OVER, check=False)
    assert result.returncode != 0 and "not accepted" in result.stdout
    assert "params.yaml catalogue: modified" in result.stdout
    assert digests(tree) == digests(origin)


def damage(file: Path) -> None:
    """Another byte in the middle; the size stays."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)


@pytest.mark.pipeline
def test_a_damaged_object_is_named_and_made_again(origin, tmp_path):
    shutil.copytree(store(origin), tmp_path / "store" / "files" / "md5")
    tree = clone(origin, tmp_path / "clone")
    run(tree, "dvc", "remote", "modify", "store", "url", tmp_path / "store")
    for path in (WEIGHTS, SCORE):
        name = digest(origin / path, "md5")
        damage(tmp_path / "store" / "files" / "md5" / name[:2] / name[2:])
    output = take_over(tree)
    for path in (WEIGHTS, SCORE):
        name = digest(origin / path, "md5")
        assert f"{path}: damaged" in output and f"{name[:2]}/{name[2:]}" in output
    assert digest(tree / WEIGHTS) == digest(origin / WEIGHTS)
    before, after = (json.loads((of / SCORE).read_text())["values"] for of in (origin, tree))
    assert before == after
    whole, now = digests(origin), digests(tree)
    other = {path for path in whole if whole[path] != now[path]}
    assert other and all("mnist/vae/" in path or path == SCORE for path in other)


@pytest.mark.pipeline
def test_a_remote_gets_no_images_of_a_dataset(origin):
    """Nor anything else but the four folders, whatever their files are called."""
    listings = {digest(path, "md5") for path in store(origin).glob("*/*.dir")}
    objects = {digest(path, "md5") for path in store(origin).glob("*/*")} - listings
    assert objects == {digest(origin / path, "md5") for path in digests(origin)}
    for path in store(origin).glob("*/*"):
        with contextlib.suppress(ValueError, EOFError, OSError):
            assert not {"train_images", "test_images"} & set(np.load(path).files)


def test_celeba_is_nothing_that_dvc_keeps():
    """Its terms forbid to hand images on; pictures of a run then hold none (models/sample.py)."""
    assert not registry.dataset("celeba").shown
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    kept = [
        path
        for stage in stages.values()
        for out in stage["outs"]
        for path, options in out.items()
        if options.get("cache", True)
    ]
    assert kept == [f"results/${{preset}}/{name}" for name in PUSHED]


@pytest.fixture
def s3(tmp_path):
    """Address of an S3 server on the loopback, and the environment in which dvc speaks to it."""
    packages = os.environ.get("VIMAE_TEST_S3")
    if not packages:
        pytest.skip(
            "VIMAE_TEST_S3 is not set; `pip install --target DIR 'moto[server]' dvc-s3`, then"
            " VIMAE_TEST_S3=DIR"
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PYTHONPATH": packages, "AWS_DEFAULT_REGION": "us-east-1"}
    environment |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    words = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(
        words, env=ENVIRONMENT | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", environment
    finally:
        server.terminate()
        server.wait()


BUCKET = """
import boto3, sys
boto3.client("s3", endpoint_url=sys.argv[1]).create_bucket(Bucket="results")
"""


@pytest.mark.pipeline
def test_over_s3(origin, tmp_path, s3):
    address, environment = s3
    run(tmp_path, sys.executable, "-c", BUCKET, address, environment=environment)
    pushing, tree = clone(origin, tmp_path / "pushing"), clone(origin, tmp_path / "clone")
    for folder in (pushing, tree):
        run(folder, "dvc", "remote", "modify", "store", "url", "s3://results/vimae")
        run(folder, "dvc", "remote", "modify", "store", "endpointurl", address)
    shutil.copytree(origin / ".dvc" / "cache", pushing / ".dvc" / "cache")
    assert "files pushed" in run(pushing, "dvc", "push", environment=environment).stdout
    run(tree, "dvc", "pull", environment=environment)
    run(tree, *TAKE_OVER)
    assert digests(tree) == digests(origin)
    assert "Nothing to be done" in run(tree, *ALL).stdout
    assert "up to date" in run(tree, "dvc", "status").stdout


# Without an engine: a cache of one folder with one file.


@pytest.fixture
def cached(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "a.json").write_text("{}")

    def put(content: bytes, suffix: str = "") -> str:
        (tmp_path / "content").write_bytes(content)
        name = digest(tmp_path / "content", "md5") + suffix
        (tmp_path / "cache" / name[:2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache" / name[:2] / name[2:]).write_bytes(content)
        return name

    entry = put(b"{}")
    listing = put(json.dumps([{"relpath": "a.json", "md5": entry}]).encode(), ".dir")
    return tmp_path, entry, listing


def test_what_is_whole_stays(cached):
    folder, _, listing = cached
    assert pulled.remove_damaged({"runs": listing}, folder / "cache") == []
    assert (folder / "runs" / "a.json").exists()


def test_a_damaged_file_goes_from_the_cache_too(cached):
    folder, entry, listing = cached
    damage(folder / "cache" / entry[:2] / entry[2:])
    damage(folder / "runs" / "a.json")
    (line,) = pulled.remove_damaged({"runs": listing}, folder / "cache")
    assert line.startswith("runs/a.json: damaged")
    assert not (folder / "runs" / "a.json").exists()
    assert not (folder / "cache" / entry[:2] / entry[2:]).exists()


def test_a_damaged_cache_beside_a_whole_file(cached):
    folder, entry, listing = cached
    damage(folder / "cache" / entry[:2] / entry[2:])
    (line,) = pulled.remove_damaged({"runs": listing}, folder / "cache")
    assert "the file here is whole" in line and (folder / "runs" / "a.json").exists()


def test_files_of_the_same_bytes_share_a_damaged_object(cached):
    folder, entry, _ = cached
    files = json.dumps([{"relpath": name, "md5": entry} for name in ("a.json", "b.json")]).encode()
    (folder / "content").write_bytes(files)
    listing = digest(folder / "content", "md5") + ".dir"
    (folder / "cache" / listing[:2]).mkdir(exist_ok=True)
    (folder / "cache" / listing[:2] / listing[2:]).write_bytes(files)
    (folder / "runs" / "b.json").write_bytes((folder / "runs" / "a.json").read_bytes())
    damage(folder / "cache" / entry[:2] / entry[2:])
    for name in ("a.json", "b.json"):
        damage(folder / "runs" / name)
    lines = pulled.remove_damaged({"runs": listing}, folder / "cache")
    assert [line.split(":")[0] for line in lines] == ["runs/a.json", "runs/b.json"]
    assert not list((folder / "runs").iterdir())


def test_a_file_changed_here_is_not_removed(cached):
    folder, _, listing = cached
    damage(folder / "runs" / "a.json")
    with pytest.raises(pulled.NotAccepted, match="changed after dvc.lock"):
        pulled.remove_damaged({"runs": listing}, folder / "cache")
    assert (folder / "runs" / "a.json").exists()


def test_a_damaged_listing_certifies_nothing(cached):
    folder, _, listing = cached
    damage(folder / "cache" / listing[:2] / listing[2:])
    with pytest.raises(pulled.NotAccepted, match="listing of runs"):
        pulled.remove_damaged({"runs": listing}, folder / "cache")


def test_nothing_pulled_says_so(cached, tmp_path):
    folder, _, listing = cached
    with pytest.raises(pulled.NotAccepted, match="`dvc pull` first"):
        pulled.remove_damaged({"runs": listing}, folder / "elsewhere")
    with pytest.raises(pulled.NotAccepted, match="missing"):
        pulled.outputs(tmp_path / "dvc.lock")
