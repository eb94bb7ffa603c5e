"""What the page starts with where nobody gives a recognizer: drawn clips, and a model of them.

Classes and clips are those of the data set `motion`; the clips shown here are in no data set. The
model is the one that `make repro` has trained, if there is one; otherwise the tower in the package
with OTAM, which has nothing to train, and background clips by which "none of these" is told.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from spm.dataset.class_text import class_text
from spm.model.background import Background
from spm.model.model import FewShotModel, load_model
from spm.motion.classes import CLASSES
from spm.motion.look import FRAMES_PER_SECOND
from spm.motion.mp4 import write_mp4
from spm.motion.render import render_clip
from spm.page.jobs.known import known
from spm.page.results import Builtin, Progress
from spm.page.work import Report
from spm.recognition.clips import encode_all
from spm.recognition.from_tower import model_from_tower
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import save_recognizer

KNOWN = (
    "moving_something_down",
    "moving_something_and_something_closer_to_each_other",
    "putting_something_onto_something",
)
"""Of the test split: no model of ours was trained on them. Three that the bare tower tells: of
30 other clips it knows 18, and of "moving something up" 2 in 10."""
UNKNOWN = "moving_something_in_a_circle_clockwise"
VALIDATION = (
    "moving_something_closer_to_something",
    "moving_something_away_from_something",
    "folding_something",
    "unfolding_something",
    "moving_something_down_and_back_up",
    "squeezing_something_and_letting_go",
)
TEST = (
    *KNOWN,
    UNKNOWN,
    "moving_something_up",
    "moving_something_up_and_back_down",
    "moving_something_towards_the_camera",
    "moving_something_away_from_the_camera",
    "moving_something_in_a_circle_counterclockwise",
    "moving_something_and_something_away_from_each_other",
    "moving_something_and_something_so_they_collide_with_each_other",
    "taking_something_off_something",
)
"""The splits of data/splits/motion.yaml, which the library alone does not have."""
_SEED = 2026
"""Another than that of the data set."""
_EXAMPLES, _OF_VALIDATION = range(5), range(10)
_SHOWN, _IN_THE_VIDEO = 20, 40
"""Numbers of the clips to try, and of those in the long video."""
RECOGNIZER, EXAMPLES, TO_TRY, VIDEO = "recognizer", "examples", "to_try", "long_video.mp4"


def build(folder: Path, model: Path | None, *, report: Report) -> Builtin:
    """Writes clips and recognizer into the new `folder`.

    model: a trained model; None: a tower alone. Raises DataError or ConfigError as `load_model`.
    """
    folder.mkdir(parents=True)
    os.chdir(folder)
    report(Progress("Drawing clips"))
    examples = {class_text(name): _clips(name, _EXAMPLES) for name in KNOWN}
    report(Progress("Looking at them"))
    loaded = load_model(model) if model is not None else _from_tower()
    recognizer = Recognizer.enroll(loaded, examples)
    save_recognizer(recognizer, Path(RECOGNIZER))
    clips = {class_text(name): folder / _to_try(name) for name in KNOWN}
    clips["an action that it was not shown"] = folder / _to_try(UNKNOWN)
    report(Progress("Drawing a long video"))
    video = folder / _long_video()
    return Builtin(known(recognizer, folder / RECOGNIZER), clips, video, (folder,))


def _from_tower() -> FewShotModel:
    model = model_from_tower("builtin-clip", method="otam")
    others = [name for name in CLASSES if name not in (*VALIDATION, *TEST)]
    validation = [_clips(name, _OF_VALIDATION) for name in VALIDATION]
    first = [_clips(name, range(1))[0] for name in others]
    paths = [*first, *(path for of_class in validation for path in of_class)]
    encoded = encode_all(model, paths, what="drawn clips")
    features = torch.stack([encoded[path].features for path in paths])
    model.background = Background.of(
        features[: len(first)],
        None,
        validation=features[len(first) :],
        labels=torch.arange(len(validation)).repeat_interleave(len(_OF_VALIDATION)),
        validation_texts=None,
    )
    return model


def _clips(name: str, numbers: Iterable[int]) -> list[Path]:
    return [_written(name, number, Path(EXAMPLES) / class_text(name)) for number in numbers]


def _to_try(name: str) -> Path:
    return _written(name, _SHOWN, Path(TO_TRY) / class_text(name))


def _written(name: str, number: int, folder: Path) -> Path:
    path = folder / f"{number}.mp4"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        frames = render_clip(name, seed=_SEED, number=number)
        write_mp4(frames, path, frames_per_second=FRAMES_PER_SECOND)
    return path


def _long_video() -> Path:
    """Half a minute: between the known actions others, which a search should pass by."""
    others = [name for name in TEST if name not in KNOWN]
    names = [each for pair in zip(others, [*KNOWN, *KNOWN], strict=False) for each in pair]
    clips = [
        render_clip(name, seed=_SEED, number=_IN_THE_VIDEO + place)
        for place, name in enumerate(names)
    ]
    write_mp4(np.concatenate(clips), Path(VIDEO), frames_per_second=FRAMES_PER_SECOND)
    return Path(VIDEO)
