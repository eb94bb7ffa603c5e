"""What the page's processes do, here in one process: clips that are taken, answers, pictures."""

from pathlib import Path
from typing import Any

import pytest

from spm.base.errors import ConfigError, DataError
from spm.model.model import save_model
from spm.page.jobs.find import find
from spm.page.jobs.known import known
from spm.page.jobs.look import look
from spm.page.jobs.nearest import held_example, nearest
from spm.page.jobs.recognise import recognise
from spm.page.jobs.teach import add, begin, remove
from spm.page.limits import PageLimits
from spm.page.results import Progress
from spm.recognition.from_tower import model_from_tower
from spm.recognition.recognizer_folder import load_recognizer
from tests.page.drawn import AWAY, PUTTING, broken, drawn, long

CLIPS = Path("clips")


class Window:
    """A window's folder, with clips of two classes; and what a job reports."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.model = folder, folder / "model"
        save_model(model_from_tower("builtin-clip", method="otam"), self.model)
        (folder / CLIPS).mkdir(parents=True)
        self.said: list[Progress] = []
        made = {name: drawn(folder / CLIPS, name, range(2)) for name in (PUTTING, AWAY)}
        self.clips = {name: [self.own(path) for path in of] for name, of in made.items()}

    def own(self, path: Path) -> Path:
        return path.relative_to(self.folder)

    def begun(self) -> Path:
        """The folder of a recognizer of both classes."""
        new = self.folder / "first"
        begin(self.folder, self.model, self.clips, new, report=self.said.append)
        return new


@pytest.fixture
def window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Window:
    made = Window(tmp_path / "window")
    monkeypatch.chdir(tmp_path)  # jobs go into the window's folder: back in the end
    return made


def test_clips_are_looked_at_and_bad_ones_have_a_reason(window: Window) -> None:
    first = window.begun()
    good = window.clips[PUTTING][0]
    bad = window.own(broken(window.folder / CLIPS, window.folder / good))
    found = look(window.folder, first, [good, bad], PageLimits(), report=window.said.append)
    assert [each.name for each in found] == [good.name, "broken.mp4"]
    assert not found[0].problem
    assert found[0].strip.startswith(b"\xff\xd8")
    assert "truncated" in found[1].problem
    assert window.said[-1] == Progress("Reading 2 of 2", 0.5)
    (short,) = look(
        window.folder, first, [good], PageLimits(max_seconds=0.5), report=window.said.append
    )
    assert "at most 0.5 s" in short.problem
    assert not short.strip


def test_teaching_and_forgetting_write_new_recognizers(window: Window) -> None:
    first = window.begun()
    clips = {
        "more": [window.own(path) for path in drawn(window.folder / CLIPS, PUTTING, range(4, 6))]
    }
    found = add(window.folder, first, clips, window.folder / "second", report=window.said.append)
    assert found.examples == {PUTTING: 2, AWAY: 2, "more": 2}
    assert "cannot say “none of these”" in found.none_of_these
    fewer = remove(
        window.folder / "second", AWAY, window.folder / "third", report=window.said.append
    )
    assert [*fewer.examples] == ["more", PUTTING]
    assert [*load_recognizer(first).classes] == [AWAY, PUTTING]
    document = (window.folder / "second/recognizer.json").read_text(encoding="utf-8")
    assert str(window.folder) not in document


def test_what_a_model_has_seen_follows_from_its_training(window: Window) -> None:
    recognizer = load_recognizer(window.begun())
    assert "drawn shapes, and nothing on clips" in known(recognizer, window.folder).seen
    recognizer.model.config = recognizer.model.config.model_copy(update={"train_classes": 30})
    said = known(recognizer, window.folder).seen
    assert "drawn shapes, and the model then on clips of 30 actions: on videos of the world" in said


def test_an_answer_has_its_pictures(window: Window) -> None:
    first, clip = window.begun(), window.clips[PUTTING][0]
    given: tuple[Any, ...] = (window.folder, first, clip)
    answer = recognise(*given, [window.folder], PageLimits(), report=window.said.append)
    (expected,) = load_recognizer(first).recognize([window.folder / clip])
    assert answer.probabilities == expected.probabilities
    assert (answer.name, answer.best) == (expected.name, expected.best)
    assert answer.threshold is None
    assert all(each.png.startswith(b"\x89PNG") for each in answer.pictures)
    assert clip.name in answer.pictures[0].caption
    assert not any("own frames are not here" in note for note in answer.notes)
    elsewhere = recognise(*given, [], PageLimits(), report=window.said.append)
    assert any("own frames are not here" in note for note in elsewhere.notes)


def test_the_nearest_example_is_the_clip_itself_if_it_was_shown(window: Window) -> None:
    recognizer = load_recognizer(window.begun())
    of_class = recognizer.classes[PUTTING]
    for number, clip in enumerate(of_class.clips):
        found = nearest(recognizer, of_class, of_class.features[number])
        assert found is not None
        assert found.clip == clip
        assert found.alignment.distance.diagonal().abs().max() < 1e-3
    alone = nearest(recognizer, of_class.without(0), of_class.features[0])
    assert alone is not None
    assert alone.clip == of_class.clips[1]


def test_an_example_is_looked_for_in_the_windows_own_folders_alone(window: Window) -> None:
    clip = str(window.clips[PUTTING][0])
    folders = [window.folder]
    assert held_example(clip, folders=folders) == window.folder / clip
    assert held_example(str(window.folder / clip), folders=folders) is None
    assert held_example(f"../window/{clip}", folders=folders) is None
    assert held_example("clips/none.mp4", folders=folders) is None


def test_a_search_says_how_far_it_is_and_stops_at_its_limit(window: Window) -> None:
    first = window.begun()
    video = window.own(long(window.folder / CLIPS, [PUTTING, AWAY], times=6))
    found = find(window.folder, first, video, PageLimits(), report=window.said.append)
    assert found.video == "long.mp4"
    assert found.is_whole
    assert found.seconds > 20
    shares = [each.share for each in window.said if each.share is not None]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1, abs=0.05)
    with pytest.raises(ConfigError, match=r"it lasts more than 0\.1 minutes"):
        find(window.folder, first, video, PageLimits(max_minutes=0.1), report=window.said.append)


def test_a_file_that_is_no_video_is_named_by_nothing_but_itself(window: Window) -> None:
    first = window.begun()
    (window.folder / CLIPS / "x.mp4").write_bytes(b"no video")
    with pytest.raises(DataError) as error:
        find(window.folder, first, CLIPS / "x.mp4", PageLimits(), report=window.said.append)
    assert "clips/" not in str(error.value)
