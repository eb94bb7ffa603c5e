"""A recognizer's classes: shown, added and removed; and what it answers by them."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from spm import methods
from spm.base.errors import ConfigError, DataError
from spm.builtin_clip.model.registered import open_clip
from spm.config.model import method_names
from spm.config.prompts import CONTROLS, TextControl
from spm.dataset.support_folder import find_support
from spm.model import text_tower
from spm.model.model import FewShotModel, save_model
from spm.model.text_controls import controlled
from spm.recognition.enrolled import EnrolledClass
from spm.recognition.from_tower import model_from_tower
from spm.recognition.inputs import encode_classes
from spm.recognition.recognizer import Answer, Recognizer
from tests import models, tiny_clip
from tests.backgrounds import CHANNELS, FRAMES, clips_of, with_background
from tests.machines import told
from tests.methods.small import small
from tests.recognition.examples import video, videos

pytestmark = pytest.mark.usefixtures("reads")

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, one with two clips; clips of a third; two to be answered."""
    root = tmp_path_factory.mktemp("recognizer")
    of_classes = ("support/Turning_Up/a", "support/Turning_Up/b", "support/fading/c")
    videos(root, *of_classes, "d", "q1", "q2")
    (root / "broken.mp4").write_text("no video")
    return root


@pytest.fixture(scope="module")
def model() -> FewShotModel:
    """CLIP-SPM: transductive, with texts of an untrained tower."""
    return models.build().float()


@pytest.fixture
def recognizer(model: FewShotModel, folder: Path) -> Recognizer:
    return Recognizer.enroll(model, folder / "support")


def texts(recognizer: Recognizer) -> torch.Tensor | None:
    """[N, C] that the method gets."""
    frames, *shape = next(iter(recognizer.classes.values())).features.shape[1:]
    return recognizer._episode(torch.zeros(1, frames, *shape)).class_text


def same_answers(one: Recognizer, other: Recognizer, clips: list[Path]) -> bool:
    return said(one.recognize(clips)) == said(other.recognize(clips))


def said(answers: list[Answer]) -> list[tuple[Path, dict[str, float]]]:
    return [(answer.clip, answer.probabilities) for answer in answers]


def test_a_folder_and_paths_by_class_are_the_same(
    model: FewShotModel, recognizer: Recognizer, folder: Path
) -> None:
    support = folder / "support"
    paths = {
        "fading": [str(support / "fading/c.mp4")],
        "Turning_Up": [support / "Turning_Up/a.mp4", support / "Turning_Up/b.mp4"],
    }
    by_paths = Recognizer.enroll(model, paths)
    assert same_answers(by_paths, recognizer, [folder / "q1.mp4"])
    for name, each in recognizer.classes.items():
        assert by_paths.classes[name].clips == each.clips
        assert by_paths.classes[name].words == each.words


def test_a_model_may_be_a_model_folder(
    recognizer: Recognizer, model: FewShotModel, folder: Path, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "model")
    of_folder = Recognizer.enroll(str(tmp_path / "model"), str(folder / "support"))
    assert same_answers(of_folder, recognizer, [folder / "q1.mp4"])


def test_classes_and_their_examples_are_in_the_order_of_the_names(recognizer: Recognizer) -> None:
    episode = recognizer._episode(torch.zeros(1, 8, 16))
    assert list(recognizer.classes) == ["Turning_Up", "fading"]
    assert episode.support_labels.tolist() == [0, 0, 1]
    assert episode.num_classes == 2
    assert episode.class_text.shape == (2, 16)
    assert recognizer.text_trained is False


@pytest.mark.parametrize("method", ["clip_spm", "otam"])
def test_another_clip_in_the_same_call_changes_no_bit(folder: Path, method: str) -> None:
    recognizer = Recognizer.enroll(models.build(method=method).float(), folder / "support")
    q1, q2 = folder / "q1.mp4", folder / "q2.mp4"
    (alone,) = recognizer.recognize([q1])
    _, among, again = recognizer.recognize([q2, q1, q1])
    assert alone.clip == q1
    assert among.probabilities == again.probabilities == alone.probabilities
    assert sum(alone.probabilities.values()) == pytest.approx(1)


def test_only_in_one_episode_do_clips_of_a_transductive_method_see_each_other(
    recognizer: Recognizer,
) -> None:
    queries = torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(0))
    alone = recognizer.probabilities(queries[:1])
    each = recognizer.probabilities(queries)
    together = recognizer.probabilities(queries, transductive=True)
    assert torch.equal(each[:1], alone)
    assert not torch.allclose(together[:1], alone, atol=1e-6)
    assert each.shape == together.shape == (3, 2)


def test_answers_come_one_by_one_with_the_reason_for_what_cannot_be_read(
    recognizer: Recognizer, folder: Path, reads: list[Path]
) -> None:
    reads.clear()
    given = [str(folder / name) for name in ("q1.mp4", "broken.mp4", "none.mp4", "q2.mp4")]
    answers = recognizer.recognize_each(given)
    path, first = next(answers)
    assert reads == [path] == [folder / "q1.mp4"]
    assert said([first]) == said(recognizer.recognize([path]))
    (_, broken), (_, none), (_, last) = answers
    assert broken == "unreadable: Invalid data found when processing input"
    assert "No such file" in none
    assert isinstance(last, Answer)


def test_the_best_class_is_the_most_probable_the_first_of_equals() -> None:
    values = {"a": 0.2, "b": 0.4, "c": 0.4}
    answer = Answer(Path("a.mp4"), values, score=None, is_known=True, alignment=None)
    assert answer.best == answer.name == "b"
    assert replace(answer, is_known=False).name is None


def test_nothing_asked_is_nothing_answered(recognizer: Recognizer) -> None:
    assert recognizer.recognize([]) == []


def test_unreadable_examples_are_all_named(model: FewShotModel, tmp_path: Path) -> None:
    for name in ("a/x.mp4", "b/y.avi"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("no video")
    paths = find_support(tmp_path) | {"c": [tmp_path / "z.mp4"]}
    with pytest.raises(DataError, match=r"^support clips that cannot be read:\n") as error:
        Recognizer.enroll(model, paths)
    assert [line.split(": ")[0] for line in str(error.value).splitlines()[1:]] == [
        f"  {tmp_path / name}" for name in ("a/x.mp4", "b/y.avi", "z.mp4")
    ]


def test_unreadable_clips_are_all_named(recognizer: Recognizer, folder: Path) -> None:
    clips = [folder / name for name in ("broken.mp4", "q1.mp4", "none.mp4")]
    with pytest.raises(DataError, match=r"^clips that cannot be read:\n.*broken\.mp4: .*\n.*none"):
        recognizer.recognize(clips)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "at least two classes to choose between; found: none"),
        ({"a": ["d.mp4"]}, "at least two classes to choose between; found: a"),
        ({"a": ["d.mp4"], "b": [], "c": []}, "no clips of b, c: each class needs at least one"),
    ],
)
def test_examples_that_are_no_choice(
    model: FewShotModel,
    folder: Path,
    given: dict,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(DataError, match=message):
        Recognizer.enroll(model, given)


def test_a_name_in_another_unicode_form_is_the_same_class(
    model: FewShotModel, folder: Path
) -> None:
    d, q1, q2 = (folder / f"{name}.mp4" for name in ("d", "q1", "q2"))
    recognizer = Recognizer.enroll(
        model, {DECOMPOSED: [d], COMPOSED: [q1], "tea": [q2]}, texts={DECOMPOSED: "a place"}
    )
    assert recognizer.classes[COMPOSED].clips == [str(d), str(q1)]
    assert recognizer.classes[COMPOSED].words == "a place"
    recognizer.add_class(DECOMPOSED, [q2])
    assert recognizer.classes[COMPOSED].clips == [str(q2)]
    recognizer.add_class("water", [d])
    recognizer.remove_class(DECOMPOSED)
    assert list(recognizer.classes) == ["tea", "water"]


def test_a_class_that_is_added_is_as_if_it_had_been_there(
    model: FewShotModel, recognizer: Recognizer, folder: Path
) -> None:
    paths = find_support(folder / "support")
    begun = Recognizer.enroll(model, paths | {"Turning_Up": [folder / "d.mp4"]})
    begun.add_class("Turning_Up", paths["Turning_Up"])
    begun.add_class("a third", [folder / "d.mp4"])
    assert list(begun.classes) == ["Turning_Up", "a third", "fading"]
    whole = Recognizer.enroll(model, paths | {"a third": [folder / "d.mp4"]})
    torch.testing.assert_close(texts(begun), texts(whole))
    for name, each in whole.classes.items():
        assert torch.equal(begun.classes[name].features, each.features)
    begun.remove_class("a third")
    (answer,), (expected,) = (one.recognize([folder / "q1.mp4"]) for one in (begun, recognizer))
    assert answer.probabilities == pytest.approx(expected.probabilities)  # texts of other batches


def test_adding_and_removing_read_no_other_clip(
    recognizer: Recognizer, folder: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reads.clear()
    recognizer.add_class("a third", [folder / "d.mp4", str(folder / "q1.mp4")])
    assert reads == [folder / "d.mp4", folder / "q1.mp4"]
    monkeypatch.setattr(text_tower, "encode_classes", None)
    recognizer.remove_class("fading")
    assert len(reads) == 2


def test_a_clip_of_two_classes_is_read_once(
    model: FewShotModel, folder: Path, reads: list[Path]
) -> None:
    clip = folder / "d.mp4"
    Recognizer.enroll(model, {"a": [clip, folder / "q1.mp4"], "b": [clip]})
    assert reads == [clip, folder / "q1.mp4"]


def test_class_texts_come_from_the_names(model: FewShotModel, recognizer: Recognizer) -> None:
    """Turning_Up is read as "turning up": a class named so has the same text feature."""
    assert [each.words for each in recognizer.classes.values()] == ["turning up", "fading"]
    expected = encode_classes(["turning up", "fading"], model=model)
    assert torch.allclose(texts(recognizer), expected)


def test_words_take_the_place_of_the_name(
    model: FewShotModel, recognizer: Recognizer, folder: Path
) -> None:
    expected = encode_classes(["turning something up"], model=model)
    given = {"Turning_Up": "turning something up"}
    enrolled = Recognizer.enroll(model, folder / "support", texts=given)
    recognizer.add_class("Turning_Up", [folder / "d.mp4"], text="turning something up")
    for one in (enrolled, recognizer):
        assert one.classes["Turning_Up"].words == "turning something up"
        assert torch.allclose(texts(one)[:1], expected)


def test_a_vector_takes_the_place_of_words_and_asks_no_text_tower(
    model: FewShotModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_tower, "encode_classes", None)
    vectors = {"Turning_Up": torch.ones(16, dtype=torch.float64), "fading": torch.zeros(16)}
    recognizer = Recognizer.enroll(model, folder / "support", texts=vectors)
    recognizer.add_class("third", [folder / "d.mp4"], text=2 * torch.ones(16))
    assert texts(recognizer).tolist() == [[1.0] * 16, [0.0] * 16, [2.0] * 16]
    assert [each.words for each in recognizer.classes.values()] == ["", "", ""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (torch.ones(17), r"'third' has the shape \[17\]: this model's texts are \[16\]"),
        (torch.ones(1, 16), r"'third' has the shape \[1, 16\]"),
        (torch.full((16,), torch.nan), "'third' holds values that are not finite"),
    ],
)
def test_a_vector_that_is_no_text(
    recognizer: Recognizer, folder: Path, reads: list[Path], text: torch.Tensor, message: str
) -> None:
    reads.clear()
    with pytest.raises(ConfigError, match=message):
        recognizer.add_class("third", [folder / "d.mp4"], text=text)
    assert not reads


def test_texts_of_no_class_are_named(model: FewShotModel, folder: Path) -> None:
    with pytest.raises(DataError, match=r"^texts of up: the classes are Turning_Up, fading$"):
        Recognizer.enroll(model, folder / "support", texts={"up": "turning up"})


def test_a_text_tower_that_cannot_be_had_is_one_sentence_that_asks_for_a_vector(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: list[Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(open_clip.create_model(tiny_clip.CONV).state_dict(), "clip.pt")
    model = model_from_tower(f"{tiny_clip.CONV}:clip.pt", method="zero_shot")
    Path("clip.pt").unlink()
    with pytest.raises(ConfigError) as error:
        Recognizer.enroll(model, folder / "support")
    assert told("a text tower that cannot be had").fullmatch(str(error.value))
    assert "\n" not in str(error.value)
    assert not reads
    vectors = dict(zip(("Turning_Up", "fading"), torch.eye(2, 16), strict=True))
    assert Recognizer.enroll(model, folder / "support", texts=vectors).text_trained


def test_a_method_without_texts_asks_no_text_tower_and_takes_no_vector(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_tower, "encode_classes", None)
    recognizer = Recognizer.enroll(models.build(method="otam").float(), folder / "support")
    recognizer.add_class("third", [folder / "d.mp4"])
    assert texts(recognizer) is None
    assert recognizer.text_trained is None
    with pytest.raises(ConfigError, match=r"^otam takes no texts: leave out that of third$"):
        recognizer.add_class("third", [folder / "d.mp4"], text=torch.ones(16))


@pytest.mark.parametrize("control", CONTROLS)
def test_texts_stay_under_the_models_control(
    model: FewShotModel, folder: Path, control: TextControl
) -> None:
    """Within the classes that there are: after one is added, and after one is removed."""
    recognizer = Recognizer.enroll(models.build(control=control).float(), folder / "support")
    for names in (["Turning_Up", "fading"], ["Turning_Up", "a third", "fading"], None):
        if "a third" in (names or []):
            recognizer.add_class("a third", [folder / "d.mp4"])
        if names is None:
            recognizer.remove_class("Turning_Up")
        true = encode_classes(list(recognizer.classes), model=model)
        torch.testing.assert_close(texts(recognizer), controlled(true, control))
        assert not torch.allclose(texts(recognizer), true)


def test_unequal_shots_are_refused_where_the_method_cannot(folder: Path) -> None:
    model = models.build(method="dpn").float()
    said = r"^dpn takes the same number of examples of each class, and there are 2 of Turning_Up, 1"
    with pytest.raises(DataError, match=said):
        Recognizer.enroll(model, folder / "support")
    recognizer = Recognizer.enroll(model, {"a": [folder / "d.mp4"], "b": [folder / "q1.mp4"]})
    with pytest.raises(DataError, match="1 of a, 1 of b, 2 of c: give each class as many"):
        recognizer.add_class("c", [folder / "q1.mp4", folder / "q2.mp4"])
    assert list(recognizer.classes) == ["a", "b"]


def test_a_class_that_cannot_be_added_leaves_all_as_it_was(
    recognizer: Recognizer, folder: Path
) -> None:
    before = copy.copy(recognizer)
    broken = [folder / "d.mp4", folder / "broken.mp4"]
    for name, clips, message in (
        ("fading", broken, "broken.mp4"),
        ("third", broken, "broken.mp4"),
        ("third", [], "class 'third' needs at least one clip"),
    ):
        with pytest.raises(DataError, match=message):
            recognizer.add_class(name, clips)
    assert recognizer.classes == before.classes
    assert same_answers(recognizer, before, [folder / "q1.mp4"])


def test_what_cannot_be_removed(recognizer: Recognizer) -> None:
    with pytest.raises(DataError, match=r"^there is no class 'up': Turning_Up, fading$"):
        recognizer.remove_class("up")
    with pytest.raises(DataError, match=r"at least two classes .*; found: fading$"):
        recognizer.remove_class("Turning_Up")
    assert len(recognizer.classes) == 2


@pytest.mark.parametrize(("method", "aligns"), [("otam", True), ("zero_shot", False)])
def test_the_alignment_has_a_pair_of_frames_of_clip_and_class(
    folder: Path, method: str, aligns: bool
) -> None:
    recognizer = Recognizer.enroll(models.build(method=method).float(), folder / "support")
    (answer,) = recognizer.recognize([folder / "q1.mp4"])
    if not aligns:
        assert answer.alignment is None
        return
    assert answer.alignment.distance.shape == answer.alignment.weights.shape == (2, 8, 8)


def test_a_clip_of_one_frame_is_answered(recognizer: Recognizer, tmp_path: Path) -> None:
    (answer,) = recognizer.recognize([video(tmp_path / "one.mp4", seed=9, num_frames=1)])
    assert sum(answer.probabilities.values()) == pytest.approx(1)


@pytest.mark.parametrize("name", method_names())
def test_every_method_is_enrolled_and_answers(folder: Path, name: str) -> None:
    model = models.build(**{"method": name} | small(name)).float()
    recognizer = Recognizer.enroll(model, {"a": [folder / "d.mp4"], "b": [folder / "q2.mp4"]})
    (answer,) = recognizer.recognize([folder / "q1.mp4"])
    assert list(answer.probabilities) == ["a", "b"]
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    assert answer.alignment is None or answer.alignment.distance.shape[0] == 2


@pytest.fixture
def promising() -> Recognizer:
    """Three classes of three clips each, of a model with a background."""
    model = with_background(models.build(method="otam").float())
    shown = [
        EnrolledClass(f"c{number}", ["a", "b", "c"], clips_of(number, count=3), "", None)
        for number in (11, 12, 13)
    ]
    recognizer = Recognizer(model, shown, text_trained=None)
    recognizer.promise(0.1)
    return recognizer


def test_a_clip_of_another_class_is_none_of_these(promising: Recognizer) -> None:
    known, other = (clips_of(number, count=20, seed=5) for number in (12, 15))
    least = promising.threshold.value
    assert (promising.scores(known) >= least).double().mean() > 0.9
    assert (promising.scores(other) >= least).double().mean() < 0.3
    answers = [promising.answer(each[0], clip=Path("q.mp4")) for each in (known, other)]
    assert [answer.name for answer in answers] == ["c12", None]
    assert answers[1].score < least <= answers[0].score
    assert sum(answers[1].probabilities.values()) == pytest.approx(1)


def test_a_score_does_not_depend_on_the_other_clips(promising: Recognizer) -> None:
    clips = clips_of(12, count=3, seed=6)
    assert torch.equal(promising.scores(clips)[1:2], promising.scores(clips[1:2]))


def test_its_own_examples_have_a_part_in_the_threshold(promising: Recognizer) -> None:
    """Each of 9 examples is asked of the other two classes, and of all without itself."""
    made = promising.threshold
    assert (made.way, made.shot, made.own, made.own_known) == (3, 3, 9, 9)
    assert made.own_recalled > 7


def test_two_classes_leave_none_to_ask(promising: Recognizer) -> None:
    promising.remove_class("c13")
    made = promising.threshold
    assert (made.way, made.own, made.own_known) == (2, 0, 6)


def test_a_change_of_classes_keeps_the_promise(promising: Recognizer) -> None:
    promising.promise(0.25)
    promising.remove_class("c13")
    assert promising.threshold.false_alarms == 0.25


def test_a_model_without_a_background_takes_every_clip_for_a_class(promising: Recognizer) -> None:
    promising.model.background = None
    promising.promise(0.1)
    assert promising.threshold is None
    answer = promising.answer(clips_of(15, count=1)[0], clip=Path("q.mp4"))
    assert answer.score is None
    assert answer.name == answer.best


def test_a_method_of_equal_shots_leaves_no_example_out(promising: Recognizer) -> None:
    method = methods.build("dpn", channels=CHANNELS, num_frames=FRAMES, **small("dpn"))
    promising.model.method = method.eval()
    promising.promise(0.1)
    assert (promising.threshold.own, promising.threshold.own_known) == (9, 0)
