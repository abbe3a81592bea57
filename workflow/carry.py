"""Carry the pipeline to a machine without a network, and its results back, in small pieces.

    python -m workflow.carry pack --out parts --has torch torchvision --data mnist
    python -m workflow.carry unpack parts
    python -m workflow.carry results --out out --preset paper

`pack` writes what a checkout of the repository lacks: the wheels of the locked packages that the
other machine does not have, and prepared datasets (run the data phase of the preset first). Each is
a .tar.xz, cut into parts of at most --limit MiB; parts.json beside them lists their digests.
`unpack`, run there in the checkout, keeps the parts it is given until an archive is complete, then
puts it in its place, once: files that are there already stay as old as they are, or the engine would
make anew what was made from them. It may be called once for each load. Then, whatever has arrived:

    PYTHONPATH=.carried/site python -m snakemake --cores 8 all --config preset=paper ...

`results` packs records, scores with their values per image and curves (on demand the samples), of all
that is there, but neither weights, which their digests in run.json name, nor data; `unpack` puts them
into results/ here.
"""

import argparse
import importlib.metadata
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

from data.arguments import options
from data.files import atomic_write, digest, read_json, write_json
from workflow.measured import RUNS, SAMPLES, SCORES

STORE = Path(".carried")  # parts of incomplete archives, and the installed wheels
INDEX = "parts.json"
DONE = STORE / "done.json"  # what was unpacked: {archive: {part: digest}}
MIB = 2**20
NOT_FOR_RUNNING = {"dvc", "ruff", "snakefmt", "hypothesis", "pytest-xdist", "sphinx", "myst-parser"}
NOTES = ("logs/**/*.log", "benchmarks/**/*.tsv")  # beside what is finished


def needed_packages(has: set[str]) -> list[str]:
    """name==version of all that running needs and the other machine does not have.

    Read from the installed packages, which are the locked ones, starting at pyproject.toml.
    """
    from packaging.requirements import Requirement  # the other machine, which unpacks, may lack it
    from packaging.utils import canonicalize_name

    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [Requirement(line) for line in project["dependencies"]]
    skipped = {canonicalize_name(name) for name in has | NOT_FOR_RUNNING}
    found: dict[str, str] = {}
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        if name in found or name in skipped:
            continue
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        package = importlib.metadata.distribution(name)
        found[name] = package.version
        wanted += [Requirement(line) for line in package.requires or []]
    return [f"{name}=={version}" for name, version in sorted(found.items())]


def fetch_wheels(packages: list[str], python: str, folder: Path) -> None:
    """Wheels for that Python on Linux; a package without one is built, if it is pure Python."""
    platforms = ["manylinux2014_x86_64", *(f"manylinux_2_{n}_x86_64" for n in range(17, 40))]
    target = ["--only-binary=:all:", "--python-version", python, "--implementation", "cp"]
    target += [word for name in platforms for word in ("--platform", name)]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    for package in packages:
        done = subprocess.run(
            [*pip, "download", "--no-deps", *target, "--dest", folder, package],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            words = [*pip, "wheel", "--no-deps", "--wheel-dir", folder, package]
            built = subprocess.run(words, check=False).returncode == 0
            stem = package.split("==")[0].replace("-", "_")
            if not built or not list(folder.glob(f"{stem}-*-none-any.whl")):
                raise ValueError(f"{package}: no wheel for Python {python} ({done.stderr.strip()})")


def archive(files: dict[str, Path]) -> bytes:
    """A .tar.xz of files by the name they get."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", preset=6) as tar:
        for name, path in files.items():
            tar.add(path, name)
    return buffer.getvalue()


def write_parts(name: str, files: dict[str, Path], folder: Path, limit: int) -> None:
    """Cut the archive of `files` into parts of at most `limit` bytes and list them in the index."""
    content = archive(files)
    index = read_json(folder / INDEX) if (folder / INDEX).exists() else {}
    index[name] = {}
    for old in folder.glob(f"{name}.tar.xz.*"):
        old.unlink()
    for number, start in enumerate(range(0, len(content), limit)):
        part = folder / f"{name}.tar.xz.{number:04d}"  # the index sorts names
        part.write_bytes(content[start : start + limit])
        index[name][part.name] = digest(part)
    write_json(folder / INDEX, index)
    print(f"{name}: {len(files)} files, {len(content) / MIB:.1f} MiB, {len(index[name])} parts")


def pack(args: argparse.Namespace) -> None:
    """Wheels and data, for `unpack`."""
    root, data = Path("results") / args.preset, {}
    for name in args.data:
        suffix = "safetensors" if name == "inception" else "npz"
        # In this order, so that the engine finds each newer than what it was made from.
        data[name] = [root / f"downloads/{name}/manifest.json", root / f"data/{name}.{suffix}"]
        for path in data[name]:
            if not path.exists():
                raise FileNotFoundError(f"{path}: run the data phase of preset {args.preset} first")
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out) as wheels:
        fetch_wheels(needed_packages(set(args.has)), args.python, Path(wheels))
        found = {f"wheels/{path.name}": path for path in sorted(Path(wheels).iterdir())}
        write_parts("wheels", found, args.out, args.limit * MIB)
    for name, paths in data.items():
        write_parts(name, {str(path): path for path in paths}, args.out, args.limit * MIB)


def results(args: argparse.Namespace) -> None:
    """What was measured, for `unpack`."""
    from data import registry  # `unpack` runs where numpy may not be

    root = Path("results") / args.preset
    known = {*registry.names(), *(path.name for path in root.glob("runs/*"))}
    if unknown := {*(args.datasets or ())} - known:
        raise ValueError(f"{', '.join(unknown)}: no data set; there are {', '.join(sorted(known))}")
    args.out.mkdir(parents=True, exist_ok=True)

    def found(*patterns: str) -> set[Path]:
        paths = {path for pattern in patterns for path in root.glob(pattern)}
        return {p for p in paths if not args.datasets or {*args.datasets} & {*p.parts}}

    paths = found(*RUNS, *SCORES)
    if not paths:
        raise ValueError(f"{root}: nothing finished is there to send")
    paths |= found(*NOTES, *(SAMPLES if args.with_samples else ()))
    write_parts("results", {str(path): path for path in sorted(paths)}, args.out, args.limit * MIB)


def put(content: bytes) -> None:
    """Unpack one archive below the current folder; wheels go to .carried/wheels."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:xz") as tar:
        for member in tar:
            path = Path(member.name)
            if not member.isfile() or path.is_absolute() or ".." in path.parts:
                raise ValueError(
                    f"{member.name}: not a file that `pack` packs; make the parts again"
                )
            # Written anew, hence newer than the checkout, as the engine wants its outputs.
            with atomic_write(STORE / path if path.parts[0] == "wheels" else path) as temporary:
                temporary.write_bytes(tar.extractfile(member).read())


def install(wheels: Path) -> None:
    """Install a folder of wheels to .carried/site and remove it."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    pip += ["--disable-pip-version-check", "--no-compile", "--upgrade", "--target", STORE / "site"]
    try:
        subprocess.run([*pip, *sorted(wheels.iterdir())], check=True)
    except subprocess.CalledProcessError as error:
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise ValueError(
            f"wheels: not installed (above); this is Python {here}: pack with --python {here}"
        ) from error
    shutil.rmtree(wheels)


def take(folder: Path, parts: dict[str, str]) -> list[Path]:
    """Keep what is in `folder` of an archive's parts; all that are here so far, in order, undamaged."""
    for part, sha256 in parts.items():
        new, kept = folder / part, STORE / part
        if new.exists():
            if digest(new) != sha256:
                raise ValueError(f"{new}: damaged; carry it again")
            shutil.copyfile(new, kept)
        elif kept.exists() and digest(kept) != sha256:
            kept.unlink()  # of an archive of this name that was packed earlier
    return [STORE / part for part in parts if (STORE / part).exists()]


def unpack(args: argparse.Namespace) -> None:
    """Take the parts in a folder; put every archive that is complete in its place."""
    if not (args.folder / INDEX).exists():
        raise ValueError(f"{args.folder}: no {INDEX}; give a folder that `pack` or `results` wrote")
    STORE.mkdir(exist_ok=True)
    done = read_json(DONE) if DONE.exists() else {}
    for name, parts in read_json(args.folder / INDEX).items():
        if parts == done.get(name):
            print(f"{name}: unpacked before (to have it again, remove {DONE})")
            continue
        here = take(args.folder, parts)
        if len(here) == len(parts):
            shutil.rmtree(STORE / "wheels", ignore_errors=True)  # of a try that failed
            put(b"".join(path.read_bytes() for path in here))
            if (STORE / "wheels").exists():
                install(STORE / "wheels")
            for path in here:
                path.unlink()
            done[name] = parts
            write_json(DONE, done)
            print(f"{name}: unpacked")
        elif here:
            print(f"{name}: {len(here)} of {len(parts)} parts so far")


def main() -> None:
    """The command line."""
    parser = options(__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(function, limit: int | None = None) -> argparse.ArgumentParser:
        keys = {"description": function.__doc__, "formatter_class": parser.formatter_class}
        added = commands.add_parser(function.__name__, help=function.__doc__, **keys)
        added.set_defaults(function=function)
        if limit:
            added.add_argument("--out", type=Path, required=True, help="folder for the parts")
            added.add_argument("--limit", type=int, default=limit, help="MiB a part")
            added.add_argument("--preset", default="paper", help="whose results")
        return added

    packing, sending, taking = command(pack, 48), command(results, 15), command(unpack)
    packing.add_argument("--python", default="3.12", help="the other machine's version")
    there = "packages that it has (default: torch torchvision)"
    packing.add_argument("--has", nargs="*", default=["torch", "torchvision"], help=there)
    data = "prepared datasets to pack (default: none)"
    packing.add_argument("--data", nargs="*", default=[], help=data)
    sending.add_argument("--datasets", nargs="+", help="what was measured on these (default: all)")
    samples = "generated images too, which are large: 10,000 of CelebA are 115 MB a run"
    sending.add_argument("--with-samples", action="store_true", help=samples)
    taking.add_argument("folder", type=Path, help="where the parts are")
    args = parser.parse_args()
    if getattr(args, "limit", 1) < 1:
        parser.error(f"--limit is {args.limit}; a part has 1 MiB or more")
    try:
        args.function(args)
    except (OSError, ValueError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
