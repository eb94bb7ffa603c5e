"""Recognizers of test classes: what they know, and what their promise comes to.

python -m bench.recognizers        in a clone after `make repro`

Each recognizer has N test classes of the data set, K examples of each, and the threshold that
promises one false alarm in ten. It is asked clips of its classes and of the other test classes.
Mean over the recognizers, and the range of the middle four fifths of them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from spm.base import command
from spm.episodes.evaluation import Ints, encode_clips
from spm.model.model import FewShotModel, load_model
from spm.model.prompts import PromptFeatures
from spm.recognition.enrolled import EnrolledClass
from spm.recognition.recognizer import Recognizer
from stages.shared import paths
from stages.shared.clip_store import open_clips

SIZES = ((3, 1), (3, 5), (5, 1), (5, 5), (8, 1), (8, 5))
RECOGNIZERS = 10
_KNOWN, _UNKNOWN = 4, 40
"""Clips that a recognizer is asked: of each of its classes, and of others altogether."""


class Outcome(NamedTuple):
    """Of one recognizer, in percent."""

    accuracy: float
    """Clips of its classes that get their class, whatever their score."""
    recall: float
    """Clips of its classes whose score reaches the threshold."""
    false_alarms: float
    """Clips of other classes whose score reaches the threshold."""


def main() -> None:
    torch.set_num_threads(1)
    model = load_model(Path(paths.MODEL))
    classes = test_classes(model)
    print(" N  K   accuracy           recall             false alarms (promised 10)")
    for way, shot in SIZES:
        found = [*outcomes(model, classes, way=way, shot=shot, count=RECOGNIZERS)]
        print(f"{way:2} {shot:2}  " + "  ".join(map(_said, zip(*found, strict=True))), flush=True)


def test_classes(model: FewShotModel) -> list[EnrolledClass]:
    """All test classes, with all their clips."""
    store, texts = open_clips(), PromptFeatures.load(paths.PROMPTS)
    held = store.classes("test")
    encoded = encode_clips(model, store, clips=np.concatenate([*held.values()]), progress=False)
    names = sorted(held)
    given = texts.of(names, how=model.config.prompts.text_ensemble, control="none")
    takes_text = model.config.model.needs.text and given is not None
    return [
        EnrolledClass(
            name,
            [str(clip) for clip in held[name]],
            encoded.features[encoded.rows(held[name])],
            name,
            given[number] if takes_text and given is not None else None,
        )
        for number, name in enumerate(names)
    ]


def outcomes(
    model: FewShotModel, classes: list[EnrolledClass], *, way: int, shot: int, count: int
) -> Iterator[Outcome]:
    """The outcomes of `count` recognizers, drawn by their numbers."""
    for number in range(count):
        rng = np.random.default_rng([way, shot, number])
        order = rng.permutation(len(classes))
        shown, known = zip(*(_split(classes[n], shot, rng) for n in order[:way]), strict=True)
        others = torch.cat([classes[n].features for n in order[way:]])
        unknown = others[rng.choice(len(others), _UNKNOWN)]
        recognizer = Recognizer(model, shown, text_trained=True)
        recognizer.promise(0.1)
        yield _outcome(recognizer, names=[each.name for each in shown], known=known, other=unknown)


def _split(of: EnrolledClass, shot: int, rng: np.random.Generator) -> tuple[EnrolledClass, Tensor]:
    """The class with `shot` of its examples, and other clips of it."""
    drawn: Ints = rng.permutation(len(of))
    clips = [of.clips[number] for number in drawn[:shot]]
    shown = EnrolledClass(of.name, clips, of.features[drawn[:shot]], of.words, of.text)
    return shown, of.features[drawn[shot : shot + _KNOWN]]


def _outcome(
    recognizer: Recognizer, *, names: list[str], known: tuple[Tensor, ...], other: Tensor
) -> Outcome:
    asked = torch.cat(known)
    columns = [*recognizer.classes]
    right = [columns.index(name) for name, clips in zip(names, known, strict=True) for _ in clips]
    answered = recognizer.probabilities(asked).argmax(dim=-1)
    least = recognizer.threshold.value if recognizer.threshold else -np.inf
    reached = [recognizer.scores(clips) for clips in (asked, other)]
    recall, alarms = (float((100 * (each >= least).double()).mean()) for each in reached)
    return Outcome(100 * float((answered == torch.tensor(right)).double().mean()), recall, alarms)


def _said(values: tuple[float, ...]) -> str:
    low, high = np.quantile(values, [0.1, 0.9])
    return f"{np.mean(values):5.1f} ({low:3.0f} to {high:3.0f})"


if __name__ == "__main__":
    command.run(main)
