"""What a recognizer refuses in Python, in a sentence, before any work; and then it is as before."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spm.base.errors import ConfigError, DataError
from spm.recognition.by_examples import classify_clips
from spm.recognition.recognizer import Recognizer
from tests import models
from tests.recognition.examples import videos

pytestmark = pytest.mark.usefixtures("reads")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("arguments")
    videos(root, "support/a/1", "support/b/2", "q")
    return root


@pytest.fixture
def recognizer(folder: Path) -> Recognizer:
    return Recognizer.enroll(models.build().float(), folder / "support")


@pytest.mark.parametrize("given", ["q.mp4", Path("q.mp4"), b"q.mp4", None, 3, [3]])
def test_what_is_no_list_of_clips_is_refused(
    recognizer: Recognizer, folder: Path, reads: list[Path], given: Any
) -> None:
    reads.clear()
    calls = (
        lambda: recognizer.recognize(given),
        lambda: recognizer.recognize_each(given),
        lambda: recognizer.add_class("c", given),
        lambda: classify_clips(given, model=recognizer.model, support=folder / "support"),
        lambda: Recognizer.enroll(recognizer.model, {"a": given, "b": ["2.mp4"]}),
    )
    for call in calls:
        with pytest.raises(ConfigError, match=r"give (a list of clips|the path of a clip)"):
            call()
    assert not reads


@pytest.mark.parametrize("support", [None, 3, ["a.mp4"]])
def test_what_are_no_examples_is_refused(recognizer: Recognizer, support: Any) -> None:
    with pytest.raises(ConfigError, match="give a folder with a folder of clips for each class"):
        Recognizer.enroll(recognizer.model, support)


@pytest.mark.parametrize("name", [1, "", " ", "\ud800"])
def test_a_name_that_cannot_be_saved_is_refused(recognizer: Recognizer, name: Any) -> None:
    with pytest.raises(DataError, match="the class "):
        Recognizer.enroll(recognizer.model, {name: ["1.mp4"], "b": ["2.mp4"]})
    with pytest.raises(DataError, match="the class "):
        recognizer.add_class(name, ["1.mp4"])


@pytest.mark.parametrize(
    "text", [5, ["a"], np.ones((2, 16)), np.array(["a"]), "\ud800", " ", torch.ones(16).cfloat()]
)
def test_a_text_of_another_type_is_refused(
    recognizer: Recognizer, folder: Path, tmp_path: Path, text: Any
) -> None:
    with pytest.raises(ConfigError, match="the text of 'c' is"):
        recognizer.add_class("c", [folder / "q.mp4"], text=text)
    with pytest.raises(ConfigError, match="the text of 'a' is"):
        Recognizer.enroll(recognizer.model, folder / "support", texts={"a": text})
    assert list(recognizer.classes) == ["a", "b"]
    recognizer.save(tmp_path / "kitchen")


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
def test_an_array_is_a_vector(recognizer: Recognizer, folder: Path, dtype: Any) -> None:
    recognizer.add_class("c", [folder / "q.mp4"], text=np.arange(16).astype(dtype))
    text = recognizer.classes["c"].text
    assert text is not None
    assert text.tolist() == list(range(16))


def test_an_error_after_the_classes_are_set_leaves_all_as_before(
    recognizer: Recognizer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recognizer, "promise", failing)
    with pytest.raises(KeyboardInterrupt):
        recognizer.add_class("c", [folder / "q.mp4"])
    assert list(recognizer.classes) == ["a", "b"]


@pytest.mark.parametrize(
    "features",
    [
        torch.ones(8, 16),
        torch.ones(1, 8, 17),
        torch.ones(1, 7, 16),
        torch.ones(0, 8, 16),
        torch.ones(1, 8, 16).int(),
        torch.full((1, 8, 16), float("nan")),
        np.ones((1, 8, 16)),
    ],
)
def test_features_that_do_not_fit_are_refused(recognizer: Recognizer, features: Any) -> None:
    for ask in (recognizer.probabilities, recognizer.scores):
        with pytest.raises(ConfigError, match=r"\[Q, 8, 16\] floats|not finite"):
            ask(features)
    with pytest.raises(ConfigError, match=r"\[8, 16\] floats"):
        recognizer.answer(torch.ones(1, 8, 16), clip=Path("q.mp4"))
