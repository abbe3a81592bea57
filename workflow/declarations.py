"""What scores and objectives declare about themselves, read without importing them.

A score is a folder of eval/ with a `score.py`; an objective is a file of models/objectives/. Both
state what they are in module-level constants that are plain literals (no names, no calls), so that
planning reads them from the source text and never waits for torch.
"""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from data.dataset import Dataset

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Score:
    """What `eval/<name>/score.py` declares.

    needs      files it takes beside the run and the data: of "samples", "reference" (which its own
               reference.py writes), "fid_reference" (which FID's writes), "inception"
    fits       what a dataset must be: of channels (int), value_range (str), labels (True)
    settings   JSON schema `properties` of its settings, all of them required. Beside JSON schema's
               own keywords a count, of a setting's `properties` too, may say what it is measured by:
               at_most, at_least   limits of it
               up_to               what it is cut to where there are fewer; null takes all
               unless              a setting that lifts at_least
               multiple_of         "classes"
               needs               what must hold besides
               classes_of          it counts classes that have so many test images or more
               replaced_by         a setting whose own counts are taken in place of it
               each by a name or a sum of names, "count // 2" for instance. Names are those of settings
               and, before these, "train" and "test" (images), "balanced" (training images, as many
               of each class as the smallest has), "classes", "samples" (generated images) and
               "latent" (the size of the largest code)
    """

    name: str
    needs: tuple[str, ...]
    fits: dict
    settings: dict

    def unfit(self, dataset: Dataset) -> str:
        """What of `fits` the dataset lacks, in words; "" if it fits."""
        found = {
            "channels": dataset.channels,
            "value_range": dataset.value_range,
            "labels": dataset.labels,
        }
        wanted = self.fits.items()
        return ", ".join(f"{k} {found[k]}, not {v}" for k, v in wanted if found[k] != v)


@dataclass(frozen=True)
class Objective:
    """What `models/objectives/<name>.py` declares.

    traits     {trait: allowed values, the first is the default}, for encoder, divergence and
               likelihood (None: by the dataset's value range); `pretrained` is True or False
    settings   JSON schema `properties` of further keys of a catalogue entry
    required   those of them that an entry must have
    only_if    {setting: {trait: value}}: the setting exists, and is required, only then
    refusals   {trait: why no other value is possible}
    """

    name: str
    traits: dict
    settings: dict
    required: tuple[str, ...]
    only_if: dict
    refusals: dict


def literal(path: Path, name: str):
    """Value of the module-level constant `name` in a Python file.

    ValueError names the file if the constant is missing or not a plain literal.
    """
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == name for target in node.targets
        ):
            try:
                return ast.literal_eval(node.value)
            except ValueError as error:
                raise ValueError(f"{path}: {name} must be a plain literal ({error})") from error
    raise ValueError(f"{path}: declares no {name}; see workflow/declarations.py")


@cache
def scores(root: Path = ROOT) -> dict[str, Score]:
    """Every score there is, by name."""
    found = {}
    for path in sorted(root.glob("eval/*/score.py")):
        name = path.parent.name
        constants = (literal(path, constant) for constant in ("NEEDS", "FITS", "SETTINGS"))
        found[name] = Score(name, *constants)
    return found


@cache
def objectives(root: Path = ROOT) -> dict[str, Objective]:
    """Every objective there is, by name."""
    constants = ("TRAITS", "SETTINGS", "REQUIRED", "ONLY_IF", "REFUSALS")
    return {
        path.stem: Objective(path.stem, *(literal(path, constant) for constant in constants))
        for path in sorted(root.glob("models/objectives/*.py"))
        if path.stem != "__init__"
    }
