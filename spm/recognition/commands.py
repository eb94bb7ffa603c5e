"""What `clip-spm enroll`, `recognize` and `classes` do and print."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from spm.base.errors import DataError
from spm.base.printable import printable
from spm.base.unwritable import make_writable
from spm.builtin_clip.model.files import NAME as BUILTIN_CLIP
from spm.dataset.support_folder import find_clips
from spm.episodes.device import pick_device
from spm.episodes.threshold import why_none
from spm.model.model import FewShotModel, load_model
from spm.model.towers import table
from spm.recognition.by_examples import find_support_with_notes
from spm.recognition.from_tower import model_from_tower
from spm.recognition.model_names import model_folder
from spm.recognition.recognizer import Answer, Recognizer
from spm.recognition.recognizer_folder import check_free, load_recognizer, save_recognizer
from spm.recognition.same_clips import same_clips
from spm.recognition.words import conditions, percentages, ranking
from spm.results.start import start_in_words

_DRAWN = (
    "note: this tower was trained on drawn shapes alone, so on videos of the world the answers are "
    "near chance: take a pretrained CLIP, `--tower ViT-B-16-quickgelu:openai`"
)


def enroll(
    support: Path,
    *,
    out: Path,
    model: Path | None,
    tower: str | None,
    method: str,
    num_frames: int,
    false_alarms: float,
) -> int:
    """Enrolls the classes of the folder `support`, and saves the recognizer to `out`.

    model: a model folder, or its name (`model_folder`); or tower, method and num_frames, as
    `model_from_tower` takes them.
    """
    check_free(out)
    paths = find_support_with_notes(support)
    make_writable(out.absolute().parent)
    built = _model(model, tower, method=method, num_frames=num_frames)
    recognizer = Recognizer.enroll(built.to(pick_device("auto")), paths, false_alarms=false_alarms)
    save_recognizer(recognizer, out)
    _warn(recognizer)
    print(summary(recognizer))
    print(f"written to {printable(out)}: `clip-spm recognize {printable(out)} CLIP …`")
    return 0


def recognize(folder: Path, clips: Sequence[Path], *, as_json: bool) -> int:
    """Prints an answer for each clip as it comes; returns 1 if one could not be read."""
    recognizer = load_recognizer(folder)
    recognizer.model.to(pick_device("auto"))
    if not as_json:
        print(summary(recognizer), flush=True)
    failed = False
    for path, answer in recognizer.recognize_each(clips):
        failed |= isinstance(answer, str)
        _print(path, answer, as_json=as_json)
    return int(failed)


def change_classes(
    folder: Path, *, add: Path | None, text: str | None, vector: Path | None, remove: str | None
) -> int:
    """Adds the class of the folder `add`, removes the class `remove`, and lists what there is."""
    recognizer = load_recognizer(folder)
    if remove is not None:
        recognizer.remove_class(remove)
    if add is not None:
        words = text if vector is None else _read_vector(vector)
        recognizer.model.to(pick_device("auto"))
        recognizer.add_class(Path(os.path.abspath(add)).name, find_clips(add), text=words)
    if add is not None or remove is not None:
        save_recognizer(recognizer, folder)
        _warn(recognizer)
    width = max(map(len, map(printable, recognizer.classes)))
    takes_text = recognizer.text_trained is not None
    for each in recognizer.classes.values():
        clips = "1 clip" if len(each.clips) == 1 else f"{len(each.clips)} clips"
        text = f"  {repr(each.words) if each.words else 'a vector'}" * takes_text
        print(f"{printable(each.name):<{width}}  {clips}{text}")
    return 0


def _warn(recognizer: Recognizer) -> None:
    for line in same_clips(recognizer.classes.values()):
        print(line, file=sys.stderr)


def _model(folder: Path | None, tower: str | None, *, method: str, num_frames: int) -> FewShotModel:
    if folder is not None:
        return load_model(model_folder(folder))
    assert tower is not None
    return model_from_tower(tower, method=method, num_frames=num_frames)


def summary(recognizer: Recognizer) -> str:
    """The model, what it was shown, and what its percentages mean."""
    model = recognizer.model
    lines = [
        f"{model.config.model.full_title}, from {start_in_words(model.config)}",
        conditions(recognizer, how="each clip on its own"),
        percentages(model, transductive=False),
        recognizer.threshold.in_words()
        if recognizer.threshold
        else f"none of these: cannot be told, since {why_none(model)}",
    ]
    if doubt := table.doubt(model.config.backbone):
        lines.append(f"warning: {doubt}")
    if model.config.backbone.name == BUILTIN_CLIP:
        lines.append(_DRAWN)
    return "\n".join(lines)


def _print(path: Path, answer: Answer | str, *, as_json: bool) -> None:
    if as_json:
        said = {"error": answer} if isinstance(answer, str) else _as_json(answer)
        line = json.dumps({"clip": str(path)} | said, ensure_ascii=False)
        # Bytes of a name that are not UTF-8 become JSON's own escapes of them.
        print(line.encode("utf-8", "backslashreplace").decode(), flush=True)
    elif isinstance(answer, str):
        print(f"{printable(path)}: not recognized: {answer}", file=sys.stderr)
    else:
        none = "" if answer.is_known else ": none of these"
        print(f"\n{printable(path)}{none}\n{ranking(answer.probabilities)}", flush=True)


def _as_json(answer: Answer) -> dict[str, object]:
    """`class` is null for none of these."""
    return {
        "class": answer.name,
        "score": answer.score,
        "best": answer.best,
        "probabilities": answer.probabilities,
    }


def _read_vector(path: Path) -> Tensor:
    """A vector [C] that numpy.save wrote. Raises DataError for anything else."""
    try:
        return torch.from_numpy(np.load(path, allow_pickle=False))
    except (OSError, EOFError, ValueError, TypeError, BadZipFile) as error:
        raise DataError(f"{path} holds no vector that numpy.save wrote: {error}") from None
