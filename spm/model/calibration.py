"""calibration.json in a model folder: the temperatures of the model's probabilities.

    p = softmax(logits / T)        T of `classify` (transductive), T of `classify_each` (inductive)

T does not change which class is the most probable. spm.training.calibration fits both on the
validation split. A folder without the file is not calibrated, and T is 1: it was saved by an
earlier version, converted from a released checkpoint, or nothing was trained.
"""

import json
from pathlib import Path

from pydantic import Field

from spm.base.atomic import atomic_path
from spm.base.errors import DataError
from spm.config.base import Section, validate
from spm.model.remedy import remedy

FILE = "calibration.json"


class Fit(Section):
    """One temperature, and the episodes that it was fitted on."""

    temperature: float = Field(ge=1e-15)
    """T. A fit is never below the bound; logits over a lower one would leave float32."""
    episodes: int = Field(ge=1)
    """Number of validation episodes."""
    way: int = Field(ge=2)
    shot: int = Field(ge=1)
    query: int = Field(ge=1)
    """Queries per class."""
    nll_before: float
    """Mean negative log likelihood of the queries' classes at T = 1, in nats."""
    nll: float
    """The same at `temperature`."""


class Calibration(Section):
    """The temperatures of a model's two kinds of answers."""

    classify: Fit | None
    """Of `classify`; null: not calibrated."""
    classify_each: Fit | None
    """Of `classify_each`; for a method that is not transductive the same as `classify`."""
    reason: str | None
    """Why there was nothing to fit on; null: there was, or nothing was trained."""

    def fit(self, *, transductive: bool) -> Fit | None:
        """The fit of `classify` (transductive) or `classify_each`; None: not calibrated."""
        return self.classify if transductive else self.classify_each

    def temperature(self, *, transductive: bool) -> float:
        """T; 1 if the model is not calibrated."""
        fit = self.fit(transductive=transductive)
        return 1.0 if fit is None else fit.temperature

    def in_words(self, *, transductive: bool) -> str:
        """ "calibrated on 200 validation episodes, 5-way 1-shot (temperature 1.83)"."""
        fit = self.fit(transductive=transductive)
        if fit is None:
            return f"not calibrated, since {self.reason}" if self.reason else "not calibrated"
        return (
            f"calibrated on {fit.episodes} validation episodes, {fit.way}-way {fit.shot}-shot "
            f"(temperature {fit.temperature:.3g})"
        )

    def metrics(self) -> dict[str, float]:
        """The numbers for MLflow; none if the model is not calibrated."""
        fits = {"": self.classify, "inductive_": self.classify_each}
        return {
            f"{kind}{name}": getattr(fit, name)
            for kind, fit in fits.items()
            if fit is not None
            for name in ("temperature", "nll_before", "nll")
        }


NOT_CALIBRATED = Calibration(classify=None, classify_each=None, reason=None)


def save_calibration(calibration: Calibration, folder: Path) -> None:
    """Writes calibration.json; for NOT_CALIBRATED removes the file of another model."""
    if calibration == NOT_CALIBRATED:
        (folder / FILE).unlink(missing_ok=True)
        return
    with atomic_path(folder / FILE) as path:
        text = json.dumps(calibration.model_dump(), indent=2, sort_keys=True)
        path.write_text(f"{text}\n", encoding="utf-8")


def load_calibration(folder: Path) -> Calibration:
    """Reads calibration.json; NOT_CALIBRATED without the file.

    Raises DataError for a file that is not JSON, ConfigError for a value that is not allowed.
    """
    path = folder / FILE
    if not path.is_file():
        return NOT_CALIBRATED
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # from the JSON parser or the UTF-8 decoder
        raise DataError(f"{path} is damaged ({error}): {remedy(folder)}") from None
    return validate(Calibration, values, name=str(path))
