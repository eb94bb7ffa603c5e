"""A recognizer: a model that has been shown examples of a user's classes, and answers clips alone.

    recognizer = Recognizer.enroll("data/model", "examples")    # a folder for each class
    for answer in recognizer.recognize(["clip1.mp4", "clip2.mp4"]):
        print(answer.clip, answer.best, answer.probabilities)
    recognizer.save("kitchen"); spm.load_recognizer("kitchen")

Another clip in the same call changes no answer. Classes are in the order of their names.
Shapes: `N` classes, `K` examples of a class, `S` examples of all classes, `T` frames, `C` channels.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from spm.base.errors import ConfigError, DataError
from spm.dataset.class_text import class_text
from spm.dataset.names import composed
from spm.dataset.support_folder import find_support
from spm.methods.base import Alignment, EpisodeFeatures
from spm.model import text_tower
from spm.model.model import FewShotModel, load_model
from spm.model.text_controls import controlled
from spm.recognition.clips import encode_all, encode_each

Examples = Mapping[str, Sequence[Path | str]]
"""Class name -> its clips."""


@dataclass(frozen=True)
class EnrolledClass:
    """What a recognizer keeps of one class."""

    name: str
    clips: list[str]
    """[K] the examples, as their paths were given."""
    features: Tensor
    """[K, T, *feature_shape] of the examples, on the CPU."""
    words: str
    """The class as it stands in a sentence; "" where a vector was given."""
    text: Tensor | None
    """[C] on the CPU, no control applied; None for a method that takes no texts, or a tower that
    has none."""


@dataclass(frozen=True)
class Answer:
    """What a recognizer says of one clip."""

    clip: Path
    probabilities: dict[str, float]
    """Class -> probability, calibrated if the model is (`model.calibration`)."""
    alignment: Alignment | None
    """How frames of the clip [T] and of each class [T'] were matched: [N, T, T'], classes in the
    order of `probabilities`. None if the method aligns no frames."""

    @property
    def best(self) -> str:
        """The most probable class, the first of equals."""
        return max(self.probabilities, key=self.probabilities.__getitem__)


class Recognizer:
    """A model and the classes that it was shown. `add_class` and `remove_class` encode no other
    class again."""

    def __init__(
        self, model: FewShotModel, classes: Iterable[EnrolledClass], *, text_trained: bool | None
    ) -> None:
        """text_trained: whether a trained text tower made the texts; None: the method takes none.

        Raises DataError for fewer than two classes, and for classes that the method cannot take.
        """
        self.model = model.eval()
        self.text_trained = text_trained
        self._set({each.name: each for each in classes})

    @classmethod
    def enroll(
        cls,
        model: FewShotModel | Path | str,
        support: Examples | Path | str,
        *,
        texts: Mapping[str, str | Tensor] | None = None,
    ) -> "Recognizer":
        """Shows the model examples.

        model: a model, or a model folder (`load_model`). support: a folder with a folder of clips
        for each class (spm.dataset.support_folder), or class name -> clips. texts: class name ->
        the words of its sentence, or a vector [C] in their place; without one, the class's name
        (spm.dataset.class_text). Raises DataError for unusable examples, with the names of all
        unreadable ones; ConfigError for a text tower without its weights, before a clip is read.
        """
        model = model if isinstance(model, FewShotModel) else load_model(model)
        paths = _paths(support)
        given = _known(texts or {}, classes=paths)
        found = _texts(model, {name: given.get(name, class_text(name)) for name in paths})
        clips = [path for of_class in paths.values() for path in of_class]
        features = encode_all(model, clips, what="support clips")
        enrolled = [
            EnrolledClass(
                name,
                list(map(str, of_class)),
                torch.stack([features[path] for path in of_class]).cpu(),
                *found[name],
            )
            for name, of_class in paths.items()
        ]
        return cls(model, enrolled, text_trained=_text_trained(model))

    def save(self, folder: Path | str) -> None:
        """Writes the recognizer's folder (spm.recognition.recognizer_folder.save_recognizer)."""
        from spm.recognition.recognizer_folder import save_recognizer

        save_recognizer(self, folder)

    @property
    def classes(self) -> dict[str, EnrolledClass]:
        """Class name -> class, sorted by name."""
        return dict(self._classes)

    def add_class(
        self, name: str, clips: Sequence[Path | str], *, text: str | Tensor | None = None
    ) -> None:
        """Adds a class, or replaces the one of this name.

        text: as in `enroll`. Raises as `enroll`; the recognizer then is as before.
        """
        paths = [Path(clip) for clip in clips]
        if not paths:
            raise DataError(f"class {name!r} needs at least one clip")
        name = composed(name)
        found = _texts(self.model, {name: class_text(name) if text is None else text})
        features = encode_all(self.model, paths, what="support clips")
        new = EnrolledClass(
            name,
            list(map(str, paths)),
            torch.stack([features[path] for path in paths]).cpu(),
            *found[name],
        )
        self._set(self._classes | {name: new})

    def remove_class(self, name: str) -> None:
        """Raises DataError for a class that is not there, and for the last but one."""
        if name not in self._classes:
            raise DataError(f"there is no class {name!r}: {', '.join(self._classes)}")
        self._set({key: value for key, value in self._classes.items() if key != name})

    def recognize(self, clips: Iterable[Path | str]) -> list[Answer]:
        """An answer for each clip, a video file or a folder of its frames.

        Raises DataError with the names of all that cannot be read.
        """
        paths = list(map(Path, clips))
        features = encode_all(self.model, paths, what="clips")
        return [self.answer(features[path], clip=path) for path in paths]

    def recognize_each(self, clips: Iterable[Path]) -> Iterator[tuple[Path, Answer | str]]:
        """Each clip with its answer, as it comes; with the reason for one that cannot be read."""
        for path, found in encode_each(self.model, clips):
            yield path, found if isinstance(found, str) else self.answer(found, clip=path)

    def answer(self, features: Tensor, *, clip: Path) -> Answer:
        """The answer to a clip of these features [T, *feature_shape]."""
        probabilities = self.probabilities(features[None])[0].tolist()
        with torch.no_grad():
            alignment = self.model.method.explain(self._episode(features[None]))
        return Answer(
            clip,
            dict(zip(self._classes, probabilities, strict=True)),
            alignment and Alignment(*(each[0].cpu() for each in alignment)),
        )

    def probabilities(self, features: Tensor, *, transductive: bool = False) -> Tensor:
        """Of clips [Q, T, *feature_shape] -> [Q, N]: each clip in an episode of its own, or, as no
        recognizer of single clips can, all of them in one."""
        ask = self.model.method.classify if transductive else self._each
        with torch.no_grad():
            logits = ask(self._episode(features))
        return self.model.probabilities(logits, transductive=transductive)

    def _each(self, episode: EpisodeFeatures) -> Tensor:
        """Query by query, since a batch of another size has other last digits."""
        alone = [episode._replace(query=query[None]) for query in episode.query]
        return torch.cat([self.model.method.classify_each(each) for each in alone])

    def _episode(self, query: Tensor) -> EpisodeFeatures:
        texts = None if self._text is None else self._text.to(query)
        support, labels = self._support.to(query), self._labels.to(query.device)
        return EpisodeFeatures(support, labels, query, texts, len(self._classes))

    def _set(self, classes: Mapping[str, EnrolledClass]) -> None:
        """Sets the classes, and what each episode has of them."""
        classes = dict(sorted(classes.items()))
        _check(self.model, classes)
        self._classes = classes
        features = [each.features for each in classes.values()]
        self._support = torch.cat(features)
        self._labels = torch.arange(len(features)).repeat_interleave(
            torch.tensor([len(each) for each in features])
        )
        texts = [each.text for each in classes.values() if each.text is not None]
        control = self.model.config.prompts.control
        self._text = controlled(torch.stack(texts), control) if texts else None


def _paths(support: Examples | Path | str) -> dict[str, list[Path]]:
    """Class name -> its clips, classes sorted."""
    if isinstance(support, Path | str):
        return find_support(Path(support))
    found = {composed(name): list(map(Path, clips)) for name, clips in support.items()}
    if empty := [name for name, clips in found.items() if not clips]:
        raise DataError(f"no clips of {', '.join(empty)}: each class needs at least one")
    return dict(sorted(found.items()))


def _known(texts: Mapping[str, str | Tensor], *, classes: Iterable[str]) -> dict[str, str | Tensor]:
    found = {composed(name): text for name, text in texts.items()}
    if unknown := sorted({*found} - {*classes}):
        raise DataError(f"texts of {', '.join(unknown)}: the classes are {', '.join(classes)}")
    return found


def _text_trained(model: FewShotModel) -> bool | None:
    return text_tower.is_trained(model.config.backbone) if model.config.model.needs.text else None


def _texts(
    model: FewShotModel, given: Mapping[str, str | Tensor]
) -> dict[str, tuple[str, Tensor | None]]:
    """Class name -> its words and its text [C], of the words or the vectors in `given`.

    Raises ConfigError if the text tower's weights are missing, or for a vector of another C.
    """
    sentences = {name: text for name, text in given.items() if isinstance(text, str)}
    vectors = {name: text for name, text in given.items() if isinstance(text, Tensor)}
    found: dict[str, Tensor] = {}
    if model.config.model.needs.text:
        found = {name: _vector(name, text, model=model) for name, text in vectors.items()}
        found |= _encoded(sentences, model=model)
    return {name: (sentences.get(name, ""), found.get(name)) for name in given}


def _vector(name: str, text: Tensor, *, model: FewShotModel) -> Tensor:
    if text.shape != (model.channels,):
        raise ConfigError(
            f"the text of {name!r} has the shape {list(text.shape)}: this model's texts are "
            f"[{model.channels}]"
        )
    return text.float().cpu()


def _encoded(sentences: Mapping[str, str], *, model: FewShotModel) -> dict[str, Tensor]:
    """Class name -> f_tp [C] of its words, by the model's text tower and templates."""
    if not sentences:
        return {}
    prompts, backbone = model.config.prompts, model.config.backbone
    encoded = text_tower.encode_classes(dict(sentences), prompts=prompts, backbone=backbone)
    texts = encoded.of(list(sentences), how=prompts.text_ensemble, control="none")
    return {} if texts is None else dict(zip(sentences, texts, strict=True))


def _check(model: FewShotModel, classes: Mapping[str, EnrolledClass]) -> None:
    """Raises DataError for classes that no episode can be made of."""
    if len(classes) < 2:
        raise DataError(
            f"a recognizer needs at least two classes to choose between; found: "
            f"{', '.join(classes) or 'none'}"
        )
    shots = {name: len(each.features) for name, each in classes.items()}
    if not model.method.unequal_shots and len({*shots.values()}) > 1:
        raise DataError(
            f"{model.config.model.method} takes the same number of examples of each class, and "
            f"there are {', '.join(f'{count} of {name}' for name, count in shots.items())}: give "
            "each class as many, or take another method"
        )
