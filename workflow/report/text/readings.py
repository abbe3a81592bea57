"""Robustness read in every way: by corruption, by what the classifier was trained on, by classifier."""

from dataclasses import dataclass, replace

SCORE = "robustness"
AREA = "area"
RETRAINED = "retrained"
CLEAN = "clean"


@dataclass(frozen=True, order=True)
class Reading:
    """What one accuracy was measured on.

    `corruption` is "clean" without any; `level` is a number from 0 to 1, or "area" for the mean
    over the whole grid of levels. `trained_on` is what the classifier's own images were.
    """

    classifier: str
    corruption: str
    trained_on: str
    level: str

    @property
    def name(self) -> str:
        """Its name in `metrics.json`."""
        if self.corruption == CLEAN:
            return f"{SCORE}.{self.classifier}.{CLEAN}"
        kind = self.corruption if self.trained_on == CLEAN else f"{RETRAINED}.{self.corruption}"
        return f"{SCORE}.{self.classifier}.{kind}.{self.level}"


def reading(name: str) -> Reading | None:
    """The reading behind a name of `metrics.json`; None if it is not an accuracy of robustness."""
    score, _, rest = name.partition(".")
    classifier, _, condition = rest.partition(".")
    if score != SCORE or not condition:
        return None
    if condition == CLEAN:
        return Reading(classifier, CLEAN, CLEAN, "0")
    trained_on = CLEAN
    if condition.startswith(f"{RETRAINED}."):
        trained_on, condition = "corrupted", condition.removeprefix(f"{RETRAINED}.")
    corruption, _, level = condition.partition(".")
    return Reading(classifier, corruption, trained_on, level) if level else None


def readings(metrics: dict, dataset: str) -> list[Reading]:
    """All that were measured on a dataset, in order."""
    methods = metrics["datasets"][dataset]["methods"].values()
    found = {reading(name) for values in methods for name in values} - {None}
    return sorted(found)


def repeats_mask(metrics: dict, dataset: str, own: Reading) -> bool:
    """Whether a reading is the mask's under another name: black masks where the number 0 is black."""
    if own.corruption != "mask_black":
        return False
    methods = metrics["datasets"][dataset]["methods"].values()
    names = own.name, replace(own, corruption="mask_zero").name
    black, zero = ([values.get(name) for values in methods] for name in names)
    return black == zero
