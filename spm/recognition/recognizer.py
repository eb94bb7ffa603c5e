"""A recognizer: a model that has been shown examples of a user's classes, and answers clips alone.

    recognizer = Recognizer.enroll("data/model", "examples")    # a folder for each class
    for answer in recognizer.recognize(["clip1.mp4", "clip2.mp4"]):
        print(answer.clip, answer.name or "none of these", answer.probabilities)
    recognizer.save("kitchen"); spm.load_recognizer("kitchen")

Another clip in the same call changes no answer. Classes are in the order of their names.
Shapes: `N` classes, `Q` queries, `T` frames, `C` channels.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from spm.base.errors import ConfigError, DataError
from spm.dataset.class_text import class_text
from spm.dataset.names import check_class_name, composed
from spm.dataset.support_folder import find_support
from spm.episodes.open_set import background_score
from spm.episodes.threshold import PROMISED, OwnScores, Threshold, fit_threshold, why_none
from spm.methods.base import Alignment, EpisodeFeatures
from spm.model import text_tower
from spm.model.model import FewShotModel, load_model
from spm.recognition.arguments import (
    Text,
    check_clips,
    check_examples,
    check_features,
    check_text,
)
from spm.recognition.clips import encode_all, encode_each
from spm.recognition.enrolled import EnrolledClass, episode_of, left_out

if TYPE_CHECKING:
    from spm.recognition.explained import Explanation

Examples = Mapping[str, Iterable[Path | str]]
"""Class name -> its clips."""


@dataclass(frozen=True)
class Answer:
    """What a recognizer says of one clip."""

    clip: Path
    probabilities: dict[str, float]
    """Class -> probability if it is one of them, calibrated if the model is
    (`model.calibration`)."""
    score: float | None
    """How much closer the clip is to the closest class than to background classes, in standard
    deviations (spm.episodes.open_set); None for a recognizer without a threshold."""
    is_known: bool
    """Whether the score reaches the threshold; True without one."""
    alignment: Alignment | None
    """How frames of the clip [T] and of each class [T'] were matched: [N, T, T'], classes in the
    order of `probabilities`. None if the method aligns no frames."""

    @property
    def best(self) -> str:
        """The most probable class, the first of equals."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def name(self) -> str | None:
        """The class; None: none of these."""
        return self.best if self.is_known else None


class Recognizer:
    """A model and the classes that it was shown. `add_class` and `remove_class` encode no other
    class again."""

    def __init__(
        self,
        model: FewShotModel,
        classes: Iterable[EnrolledClass],
        *,
        text_trained: bool | None,
        threshold: Threshold | None = None,
    ) -> None:
        """text_trained: whether a trained text tower made the texts; None: the method takes none.

        Raises DataError for fewer than two classes, and for classes that the method cannot take.
        """
        self.model = model.eval()
        self.text_trained = text_trained
        self.threshold = threshold
        """Of `Answer.score`; None: every clip is taken for one of the classes (`why_none`)."""
        self._classes = _checked(model, {each.name: each for each in classes})

    @classmethod
    def enroll(
        cls,
        model: FewShotModel | Path | str,
        support: Examples | Path | str,
        *,
        texts: Mapping[str, Text] | None = None,
        false_alarms: float | None = PROMISED,
    ) -> "Recognizer":
        """Shows the model examples.

        model: a model, or a model folder (`load_model`). support: a folder with a folder of clips
        for each class (spm.dataset.support_folder), or class name -> clips. texts: class name ->
        the words of its sentence, or a vector [C] in their place; without one, the class's name
        (spm.dataset.class_text). false_alarms: as `promise` takes it; None: no threshold. Raises
        DataError for unusable examples, with the names of all unreadable ones; ConfigError for a
        text tower without its weights, before a clip is read.
        """
        _check_share(PROMISED if false_alarms is None else false_alarms)
        model = model if isinstance(model, FewShotModel) else load_model(model)
        paths = _paths(support)
        given = _known({} if texts is None else texts, classes=paths)
        recognizer = cls(
            model, _shown(model, paths, texts=given), text_trained=_text_trained(model)
        )
        if false_alarms is not None:
            recognizer.promise(false_alarms)
        return recognizer

    def save(self, folder: Path | str) -> None:
        """Writes the recognizer's folder (spm.recognition.recognizer_folder.save_recognizer)."""
        from spm.recognition.recognizer_folder import save_recognizer

        save_recognizer(self, folder)

    def promise(self, false_alarms: float) -> None:
        """Sets the threshold: of clips that are none of the classes, the share `false_alarms` is
        to be taken for one (spm.episodes.threshold). Without a background there is none."""
        _check_share(false_alarms)
        if why_none(self.model):
            self.threshold = None
            return
        self.threshold = fit_threshold(
            self.model,
            way=len(self._classes),
            shot=min(map(len, self._classes.values())),
            false_alarms=false_alarms,
            own=self._own_scores(),
        )

    @property
    def classes(self) -> dict[str, EnrolledClass]:
        """Class name -> class, sorted by name."""
        return dict(self._classes)

    def add_class(
        self, name: str, clips: Iterable[Path | str], *, text: Text | None = None
    ) -> None:
        """Adds a class, or replaces the one of this name.

        text: as in `enroll`. Raises as `enroll`; the recognizer then is as before.
        """
        check_class_name(name)
        paths = check_clips(clips)
        if not paths:
            raise DataError(f"class {name!r} needs at least one clip")
        name = composed(name)
        given = {} if text is None else {name: text}
        (new,) = _shown(self.model, {name: paths}, texts=given)
        self._change(self._classes | {name: new})

    def remove_class(self, name: str) -> None:
        """Raises DataError for a class that is not there, and for the last but one."""
        name = composed(name)
        if name not in self._classes:
            raise DataError(f"there is no class {name!r}: {', '.join(self._classes)}")
        self._change({key: value for key, value in self._classes.items() if key != name})

    def recognize(self, clips: Iterable[Path | str]) -> list[Answer]:
        """An answer for each clip, a video file or a folder of its frames.

        Raises DataError with the names of all that cannot be read.
        """
        paths = check_clips(clips)
        encoded = encode_all(self.model, paths, what="clips")
        return [self.answer(encoded[path].features, clip=path) for path in paths]

    def recognize_each(self, clips: Iterable[Path | str]) -> Iterator[tuple[Path, Answer | str]]:
        """Each clip with its answer, as it comes; with the reason for one that cannot be read."""
        return self._recognize_each(check_clips(clips))

    def _recognize_each(self, clips: list[Path]) -> Iterator[tuple[Path, Answer | str]]:
        for path, found in encode_each(self.model, clips):
            answer = found if isinstance(found, str) else self.answer(found.features, clip=path)
            yield path, answer

    def explain(self, clip: Path | str, *, name: str | None = None) -> "Explanation":
        """The answer to a clip, with the frames that the model saw and where it looked.

        name: the class whose logit the heat map is of; by default the most probable one. Raises
        DataError for a clip that cannot be read, and for a class that is not there; ConfigError for
        a tower whose activations have no known places.
        """
        from spm.recognition.explained import explain

        return explain(self, Path(clip), name=name)

    def answer(self, features: Tensor, *, clip: Path) -> Answer:
        """The answer to a clip of these features [T, *feature_shape]. Raises ConfigError for
        others."""
        features = check_features(features, shape=self._shape, leading="")
        probabilities = self.probabilities(features[None])[0].tolist()
        score, threshold = self.scores(features[None]), self.threshold
        with torch.no_grad():
            alignment = self.model.method.explain(self._episode(features[None]))
        return Answer(
            clip,
            dict(zip(self._classes, probabilities, strict=True)),
            score=None if score is None else float(score[0]),
            is_known=score is None or threshold is None or bool(score[0] >= threshold.value),
            alignment=alignment and Alignment(*(each[0].cpu() for each in alignment)),
        )

    def probabilities(self, features: Tensor, *, transductive: bool = False) -> Tensor:
        """Of clips [Q, T, *feature_shape] -> [Q, N]: each clip in an episode of its own, or, as no
        recognizer of single clips can, all of them in one. Raises ConfigError for other
        features."""
        features = check_features(features, shape=self._shape, leading="Q")
        with torch.no_grad():
            if transductive:
                logits = self.model.method.classify(self._episode(features))
            else:
                logits = self.logits(features)
        return self.model.probabilities(logits, transductive=transductive)

    def logits(self, features: Tensor) -> Tensor:
        """Of clips [Q, T, *feature_shape] -> [Q, N], each clip in an episode of its own."""
        episode = self._episode(features)
        # Query by query, since a batch of another size has other last digits.
        alone = [episode._replace(query=query[None]) for query in episode.query]
        return torch.cat([self.model.method.classify_each(each) for each in alone])

    def scores(self, features: Tensor) -> Tensor | None:
        """Of clips [Q, T, *feature_shape] -> [Q], each alone; None without a threshold. Raises
        ConfigError for other features."""
        features = check_features(features, shape=self._shape, leading="Q")
        background = self.model.background
        if self.threshold is None or background is None:
            return None
        with torch.no_grad():
            alone = [
                background_score(self.model, self._episode(e[None]), background) for e in features
            ]
        return torch.cat(alone).double().cpu()

    @property
    def _shape(self) -> list[int]:
        """[T, *feature_shape]"""
        return [*next(iter(self._classes.values())).features.shape[1:]]

    def _episode(self, query: Tensor) -> EpisodeFeatures:
        return episode_of(self.model, list(self._classes.values()), query)

    def _change(self, classes: Mapping[str, EnrolledClass]) -> None:
        """Sets the classes, and the threshold anew; after an error both are as before."""
        before = self._classes, self.threshold
        try:
            self._classes = _checked(self.model, classes)
            self.promise(PROMISED if self.threshold is None else self.threshold.false_alarms)
        except BaseException:
            self._classes, self.threshold = before
            raise

    def _own_scores(self) -> OwnScores:
        """The scores of the examples, each asked as a clip that the recognizer was not shown."""
        background = self.model.background
        assert background is not None
        found: dict[bool, list[Tensor]] = {True: [], False: []}
        with torch.no_grad():
            for is_known, episode in left_out(self.model, list(self._classes.values())):
                found[is_known].append(background_score(self.model, episode, background))
        known, unknown = (
            torch.cat(found[key]).double().cpu().numpy() if found[key] else np.zeros(0)
            for key in (True, False)
        )
        return OwnScores(known, unknown)


def _check_share(false_alarms: float) -> None:
    if not 0 < false_alarms < 1:
        raise ConfigError(f"false_alarms = {false_alarms:g}: give a share between 0 and 1")


def _paths(support: Examples | Path | str) -> dict[str, list[Path]]:
    """Class name -> its clips, classes sorted."""
    if isinstance(support, Path | str):
        return find_support(Path(support))
    found = check_examples(support)
    if empty := [name for name, clips in found.items() if not clips]:
        raise DataError(f"no clips of {', '.join(empty)}: each class needs at least one")
    return found


def _shown(
    model: FewShotModel,
    paths: Mapping[str, Sequence[Path]],
    *,
    texts: Mapping[str, Text],
) -> list[EnrolledClass]:
    """The classes of these clips; texts: of some of them. Raises as `Recognizer.enroll`."""
    words = {name: texts[name] if name in texts else class_text(name) for name in paths}
    found = _texts(model, words)
    clips = [path for of_class in paths.values() for path in of_class]
    encoded = encode_all(model, clips, what="support clips")
    return [
        EnrolledClass(
            name,
            list(map(str, of_class)),
            torch.stack([encoded[path].features for path in of_class]).cpu(),
            *found[name],
            [encoded[path].seconds for path in of_class],
        )
        for name, of_class in paths.items()
    ]


def _known(texts: object, *, classes: Iterable[str]) -> dict[str, Text]:
    if not isinstance(texts, Mapping):
        raise ConfigError(f"texts = {texts!r}: give a dict of class names and their texts")
    for name in texts:
        check_class_name(name)
    found = {composed(name): text for name, text in texts.items()}
    if unknown := sorted({*found} - {*classes}):
        raise DataError(f"texts of {', '.join(unknown)}: the classes are {', '.join(classes)}")
    return found


def _text_trained(model: FewShotModel) -> bool | None:
    return text_tower.is_trained(model.config.backbone) if model.config.model.needs.text else None


def _texts(model: FewShotModel, texts: Mapping[str, Text]) -> dict[str, tuple[str, Tensor | None]]:
    """Class name -> its words and its text [C], of the words or the vectors in `texts`.

    Raises ConfigError if the text tower's weights are missing, for a vector of another C, and for
    one that the method would not use.
    """
    given = {name: check_text(name, text) for name, text in texts.items()}
    sentences = {name: text for name, text in given.items() if isinstance(text, str)}
    vectors = {name: text for name, text in given.items() if isinstance(text, Tensor)}
    found: dict[str, Tensor] = {}
    if vectors and not model.config.model.needs.text:
        raise ConfigError(
            f"{model.config.model.method} takes no texts: leave out that of {', '.join(vectors)}"
        )
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
    if not text.isfinite().all():
        raise ConfigError(f"the text of {name!r} holds values that are not finite")
    return text.float().cpu()


def _encoded(sentences: Mapping[str, str], *, model: FewShotModel) -> dict[str, Tensor]:
    """Class name -> f_tp [C] of its words, by the model's text tower and templates."""
    if not sentences:
        return {}
    prompts, backbone = model.config.prompts, model.config.backbone
    try:
        encoded = text_tower.encode_classes(dict(sentences), prompts=prompts, backbone=backbone)
    except ConfigError as error:
        raise ConfigError(
            f"{error}; or give the text of {', '.join(sentences)} as a vector [{model.channels}] "
            "(--text-vector of `clip-spm classes`, or in Python)"
        ) from error
    texts = encoded.of(list(sentences), how=prompts.text_ensemble, control="none")
    return {} if texts is None else dict(zip(sentences, texts, strict=True))


def _checked(model: FewShotModel, classes: Mapping[str, EnrolledClass]) -> dict[str, EnrolledClass]:
    """The classes, sorted by name. Raises DataError if no episode can be made of them."""
    if len(classes) < 2:
        raise DataError(
            f"a recognizer needs at least two classes to choose between; found: "
            f"{', '.join(classes) or 'none'}"
        )
    shots = {name: len(each) for name, each in classes.items()}
    if not model.method.unequal_shots and len({*shots.values()}) > 1:
        raise DataError(
            f"{model.config.model.method} takes the same number of examples of each class, and "
            f"there are {', '.join(f'{count} of {name}' for name, count in shots.items())}: give "
            "each class as many, or take another method"
        )
    return dict(sorted(classes.items()))
