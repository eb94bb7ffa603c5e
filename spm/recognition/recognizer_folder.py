"""A recognizer's folder: all that recognising needs, as safetensors and JSON alone.

    model.safetensors, config.json, …                     the model (spm.model.model.save_model)
    recognizer.json                                       classes, their words, clips; threshold
    examples.safetensors                                  features [S, …], texts [N, C]

Reading it runs nothing that is in it. No support clip, text tower or network is asked again.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field

from spm.base.atomic import atomic_folder, check_folder
from spm.base.errors import DataError, naming
from spm.base.printable import printable
from spm.base.safetensors_file import write_safetensors
from spm.base.state_dicts import damage, misfit
from spm.config.base import Section, validate
from spm.dataset.names import check_class_name, composed, is_utf8
from spm.episodes.threshold import Threshold
from spm.model import background
from spm.model.model import FewShotModel, load_model, save_model
from spm.model.weights import read_safetensors
from spm.recognition.enrolled import EnrolledClass
from spm.recognition.recognizer import Recognizer

FORMAT = 2
"""1: without the lengths of the examples."""
FILE, EXAMPLES = "recognizer.json", "examples.safetensors"
_ENDINGS = (".json", ".safetensors")
_AGAIN = "Take a copy that is whole, or enroll again"


_Seconds = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class _Class(Section):
    """A class in recognizer.json."""

    name: str
    words: str
    clips: list[str] = Field(min_length=1)
    seconds: list[_Seconds | None] = Field(default_factory=list)
    """Of each clip; empty in format 1."""


class _Document(Section):
    """recognizer.json."""

    format: int = Field(ge=1)
    text_trained: bool | None
    threshold: Threshold | None
    classes: list[_Class] = Field(min_length=2)


def save_recognizer(recognizer: Recognizer, folder: Path | str) -> None:
    """Writes the folder, complete or not at all. A recognizer that is there is replaced.

    Raises DataError for a folder that holds something else, StorageError for what is no folder and
    for a full disk.
    """
    folder = check_free(Path(folder).resolve())
    classes = recognizer.classes.values()
    tensors = {"features": torch.cat([each.features for each in classes])}
    texts = [each.text for each in classes if each.text is not None]
    if texts:
        tensors["texts"] = torch.stack(texts)
    document = _Document(
        format=FORMAT,
        text_trained=recognizer.text_trained,
        threshold=recognizer.threshold,
        classes=[
            _Class(
                name=each.name,
                words=each.words,
                clips=list(map(printable, each.clips)),
                seconds=list(each.seconds),
            )
            for each in classes
        ],
    )
    with atomic_folder(folder) as new:
        save_model(recognizer.model, new)
        write_safetensors(tensors, new / EXAMPLES)
        text = json.dumps(document.model_dump(), indent=2, ensure_ascii=False)
        (new / FILE).write_text(f"{text}\n", encoding="utf-8")


def load_recognizer(folder: Path | str) -> Recognizer:
    """The recognizer that `save_recognizer` wrote, on the CPU.

    Raises DataError for another folder, a damaged one, and one that a newer version wrote;
    ConfigError for a value that is not allowed.
    """
    folder = Path(folder)
    document = _read_document(folder)
    model = load_model(folder)
    state = read_safetensors(folder / EXAMPLES)
    shots = [len(each.clips) for each in document.classes]
    if said := misfit(state, _shapes(document, shots=shots, model=model)):
        raise DataError(f"{folder / EXAMPLES} does not fit {FILE}: {said}")
    if said := damage(state):
        raise DataError(f"{folder / EXAMPLES} is damaged: {said}. {_AGAIN}")
    _check_model(document, model, folder=folder)
    features = torch.split(state["features"], shots)
    texts = state["texts"] if "texts" in state else [None] * len(shots)
    return Recognizer(
        model,
        [
            EnrolledClass(each.name, each.clips, of_class, each.words, text, each.seconds)
            for each, of_class, text in zip(document.classes, features, texts, strict=True)
        ],
        text_trained=document.text_trained,
        threshold=document.threshold,
    )


def _check_model(document: _Document, model: FewShotModel, *, folder: Path) -> None:
    """Raises DataError unless the model has what recognizer.json speaks of."""
    if document.threshold is not None and model.background is None:
        raise DataError(
            f"{folder} lacks {background.FILE}: {FILE} has a threshold, which tells none of these "
            f"by it. {_AGAIN}"
        )
    if (document.text_trained is None) == model.config.model.needs.text:
        method = model.config.model.method
        says = "no texts" if document.text_trained is None else "texts"
        raise DataError(
            f"{folder / FILE} speaks of {says}, and {method} takes "
            f"{'some' if model.config.model.needs.text else 'none'}. {_AGAIN}"
        )


def check_free(folder: Path) -> Path:
    """`folder`, if it is free, or a recognizer to be replaced.

    Raises DataError for another folder, StorageError for what is no folder, as a file or a device,
    and for a name that is too long.
    """
    check_folder(folder)
    held = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if held and FILE not in held:
        raise DataError(f"{folder} is there, and is no recognizer: give a new folder's name")
    others = sorted(name for name in held if name[0] != "." and not name.endswith(_ENDINGS))
    if others:
        raise DataError(
            f"{folder} holds {', '.join(map(printable, others))} beside the recognizer, and would "
            "lose that: move it elsewhere, or give a new folder's name"
        )
    return folder


def _read_document(folder: Path) -> _Document:
    path = folder / FILE
    if not path.is_file():
        raise DataError(
            f"{folder} is no recognizer: it has no {FILE}. `clip-spm enroll` makes a recognizer of "
            "a model and a folder of examples"
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # from the JSON parser or the UTF-8 decoder
        raise DataError(f"{path} is damaged: {error}") from None
    number = values.get("format") if isinstance(values, dict) else None
    if isinstance(number, int) and number > FORMAT:
        raise DataError(
            f"{path} has the format {number}, and this version reads up to {FORMAT}: a newer "
            "version saved it, so load it with that one"
        )
    document = validate(_Document, values, name=str(path))
    counts = Counter(each.name for each in document.classes)
    if twice := [name for name, count in counts.items() if count > 1]:
        raise DataError(f"{path} has {', '.join(twice)} twice: give each class a name of its own")
    for each in document.classes:
        _check_class(each, path=path)
    return document


def _check_class(held: _Class, *, path: Path) -> None:
    with naming(f"{path} is damaged", of=DataError):
        check_class_name(held.name)
        if composed(held.name) != held.name:
            raise DataError(f"the class {held.name!r} is not in composed Unicode (NFC). {_AGAIN}")
        if not all(map(is_utf8, (held.words, *held.clips))):
            raise DataError(
                f"the class {held.name!r} has words or clips that are not UTF-8. {_AGAIN}"
            )
        if len(held.seconds) not in (0, len(held.clips)):
            raise DataError(
                f"the class {held.name!r} has {len(held.clips)} clips and the seconds of "
                f"{len(held.seconds)}. {_AGAIN}"
            )


def _shapes(document: _Document, *, shots: list[int], model: FewShotModel) -> dict[str, torch.Size]:
    """The tensors of examples.safetensors."""
    frames = model.config.frames.num_segments
    expected = {"features": torch.Size([sum(shots), frames, *model.feature_shape])}
    if document.text_trained is not None:
        expected["texts"] = torch.Size([len(shots), model.channels])
    return expected
