"""A search: what the recognizer would say of each window, each picture encoded once."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spm.base.errors import ConfigError, DataError, TransientError
from spm.config.model import method_names
from spm.finding import find, search
from spm.finding.find import Found, find_segments
from spm.finding.record import Record
from spm.finding.scores import score
from spm.isolation import long_reader
from spm.isolation.isolated_long import IsolatedLong
from spm.isolation.long_part import LongPart, LongRequest
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import load_recognizer
from spm.video.long_video import Damage, LongVideo
from tests import models
from tests.machines import told
from tests.methods.small import small
from tests.recognition.examples import video, videos

LENGTHS = (2.0, 3.5)


@pytest.fixture
def recognizer(kitchen: Path) -> Recognizer:
    return load_recognizer(kitchen)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 seconds, 300 frames: five parts."""
    return video(tmp_path_factory.mktemp("long") / "long.mp4", seed=7, num_frames=300)


def everything_known(recognizer: Recognizer) -> Recognizer:
    assert recognizer.threshold is not None
    recognizer.threshold = recognizer.threshold.model_copy(update={"value": -1e9})
    return recognizer


def assert_same(found: Found, expected: Found) -> None:
    for ours, theirs in zip(found.searched.scores, expected.searched.scores, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert found.segments == expected.segments
    assert found.searched[1:] == expected.searched[1:]


def test_a_video_as_short_as_a_clip_is_answered_as_the_clip(
    recognizer: Recognizer, tmp_path: Path, reads: list[Path], reads_here: list[LongRequest]
) -> None:
    path = video(tmp_path / "clip.mp4", seed=3)
    (answer,) = everything_known(recognizer).recognize([path])
    found = find_segments(recognizer, path, lengths=[9], rate=6)
    (segment,) = found.segments
    assert (segment.start, segment.end, segment.name) == (0, 2, answer.name)
    assert segment.probability == pytest.approx(answer.probabilities[segment.name], abs=1e-6)
    assert segment.score == pytest.approx(answer.score, abs=1e-5)


@pytest.mark.usefixtures("reads_here")
def test_each_window_is_answered_alone(recognizer: Recognizer, long: Path) -> None:
    """As the recognizer answers the same frames, cut out."""
    found = find_segments(everything_known(recognizer), long, lengths=LENGTHS, rate=6)
    with torch.no_grad():
        features = recognizer.model.encode_video(torch.from_numpy(pictures(recognizer, long)))
    rows = np.random.default_rng(0).choice(len(found.searched.scores.windows), 20)
    for row in rows:
        start, length = found.searched.scores.windows[row]
        sampled = start + length * (2 * np.arange(8) + 1) // 16
        answer = recognizer.answer(features[sampled], clip=long)
        expected = [*answer.probabilities.values()]
        np.testing.assert_allclose(found.searched.scores.probabilities[row], expected, atol=1e-5)
        assert found.searched.scores.score[row] == pytest.approx(answer.score, abs=1e-4)


def pictures(recognizer: Recognizer, path: Path) -> np.ndarray:
    """All that the search sees at the video's own rate, [n, S, S, 3]."""
    with search.open_pictures(recognizer, path, rate=6, limits=search.LIMITS) as opened:
        return np.concatenate([*search.pictures_of(opened, size=recognizer.model.image_size)])


@pytest.mark.usefixtures("reads", "reads_here")
@pytest.mark.parametrize("name", method_names())
def test_every_method_searches(tmp_path: Path, name: str) -> None:
    videos(tmp_path, "a", "b")
    model = models.build(**{"method": name} | small(name)).float()
    shown = {each: [tmp_path / f"{each}.mp4"] for each in ("a", "b")}
    recognizer = Recognizer.enroll(model, shown)
    path = video(tmp_path / "long.mp4", seed=7, num_frames=40)
    found = find_segments(recognizer, path, lengths=[2.0])
    assert np.allclose(found.searched.scores.probabilities.sum(axis=1), 1)
    assert found.segments
    windows = found.searched.scores.windows
    alone = [
        score(
            recognizer,
            windows[[row]],
            torch.zeros(1, 8, *model.feature_shape),
        )
        for row in (0, 1)
    ]
    assert np.allclose(alone[0].probabilities, alone[1].probabilities)


@pytest.mark.usefixtures("reads_here")
def test_each_picture_is_encoded_once(
    recognizer: Recognizer, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    encode = search._encode

    def noting(of: Recognizer, pixels: np.ndarray) -> torch.Tensor:
        encoded.append(len(pixels))
        return encode(of, pixels)

    monkeypatch.setattr(search, "_encode", noting)
    find_segments(recognizer, long, lengths=LENGTHS, rate=6)
    assert encoded == [64, 64, 64, 64, 44]


@pytest.mark.usefixtures("reads_here")
def test_the_features_held_reach_no_further_back_than_the_longest_window(
    recognizer: Recognizer, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[int] = []

    class Noting(search._Features):
        def of(self, pictures: np.ndarray) -> torch.Tensor:
            held.append(len(self._held))
            return super().of(pictures)

    monkeypatch.setattr(search, "_Features", Noting)
    find_segments(recognizer, long, lengths=LENGTHS, rate=6)
    assert max(held) == 64 + 21


@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize("parts", [0, 1, 3, 4, 5])
def test_a_search_that_was_ended_goes_on_and_finds_the_same(
    recognizer: Recognizer, long: Path, tmp_path: Path, parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = find_segments(recognizer, long, lengths=LENGTHS, rate=6)
    append, work = Record.append, tmp_path / "work"

    def ending(record: Record, *part: object) -> None:
        if len(record.parts) == parts:
            raise KeyboardInterrupt
        append(record, *part)

    monkeypatch.setattr(Record, "append", ending)
    if parts < 5:
        with pytest.raises(KeyboardInterrupt):
            find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=work)
    else:  # ended behind the last part, before anything was written
        find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=work)
    appended: list[int] = []

    def noting(record: Record, *part: object) -> None:
        appended.append(len(record.parts))
        append(record, *part)

    monkeypatch.setattr(Record, "append", noting)
    assert_same(find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=work), expected)
    assert appended == [*range(parts, 5)]


@pytest.mark.usefixtures("reads_here")
def test_another_recognizer_does_not_go_on_from_these_scores(
    recognizer: Recognizer, long: Path, tmp_path: Path
) -> None:
    find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=tmp_path)
    before = find._key(recognizer)
    first, second = recognizer.classes.values()
    other = Recognizer(
        recognizer.model,
        [first, replace(second, features=second.features + 1)],
        text_trained=None,
        threshold=recognizer.threshold,
    )
    assert find._key(other) != before
    expected = find_segments(other, long, lengths=LENGTHS, rate=6)
    assert_same(find_segments(other, long, lengths=LENGTHS, rate=6, work=tmp_path), expected)


def test_a_decoder_that_crashes_ends_the_search_there(
    recognizer: Recognizer, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = IsolatedLong.take

    def crashing(opened: IsolatedLong, count: int) -> object:
        if opened._next >= 128:
            raise DataError("the decoder crashed (SIGSEGV)")
        return take(opened, count)

    monkeypatch.setattr(IsolatedLong, "take", crashing)
    searched = find_segments(recognizer, long, lengths=LENGTHS, rate=6).searched
    assert not searched.is_whole
    assert searched.seconds == pytest.approx(128 / 6)
    (damage,) = searched.damage
    assert damage == (pytest.approx(128 / 6), 50, "the decoder crashed (SIGSEGV)")


@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize(("after", "kind"), [(0, DataError), (64, TransientError)])
def test_nothing_to_read_and_a_machine_at_its_limits_are_errors(
    recognizer: Recognizer,
    long: Path,
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    kind: type[DataError],
) -> None:
    take = search.IsolatedLong.take

    def failing(opened: object, count: int) -> object:
        if count and opened._next >= after:  # type: ignore[attr-defined]
            raise kind("out of something")
        return take(opened, count)

    monkeypatch.setattr(search.IsolatedLong, "take", failing)
    with pytest.raises(kind, match="out of something"):
        find_segments(recognizer, long, lengths=LENGTHS, rate=6)


@pytest.mark.usefixtures("reads_here")
def test_what_is_lost_behind_the_last_whole_part_is_told(
    recognizer: Recognizer, long: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer that tells it has no pictures."""
    pictures, lost = LongVideo.pictures, Damage(128 / 6, 50, "the rest is gone")

    def cut(opened: LongVideo, *, rate: float) -> Iterator[Any]:
        yield from islice(pictures(opened, rate=rate), 128)
        opened.damage.append(lost)
        opened.is_cut = True

    monkeypatch.setattr(LongVideo, "pictures", cut)
    searched = find_segments(recognizer, long, lengths=LENGTHS, rate=6).searched
    assert searched.seconds == pytest.approx(128 / 6)
    assert searched.damage == (lost,)
    assert not searched.is_whole


@pytest.mark.usefixtures("reads_here")
def test_answers_that_come_picture_by_picture_change_nothing(
    recognizer: Recognizer, long: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a low rate, where a picture takes long."""
    expected = find_segments(recognizer, long, lengths=LENGTHS, rate=6)
    monkeypatch.setattr(long_reader, "_ANSWER_SECONDS", -1.0)
    assert_same(find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=tmp_path), expected)
    assert_same(find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=tmp_path), expected)


@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize(("first", "then"), [(256, 128), (128, 1000), (128, 128)])
def test_a_crash_at_another_picture_when_it_is_asked_again(
    recognizer: Recognizer,
    long: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    then: int,
) -> None:
    take, at = IsolatedLong.take, first

    def crashing(opened: IsolatedLong, count: int) -> LongPart:
        if opened._next >= at:
            raise DataError("the decoder crashed (SIGSEGV)")
        return take(opened, count)

    monkeypatch.setattr(IsolatedLong, "take", crashing)
    find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=tmp_path)
    at = then
    expected = find_segments(recognizer, long, lengths=LENGTHS, rate=6)
    assert_same(find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=tmp_path), expected)
    assert expected.searched.seconds == pytest.approx(min(then, 300) / 6)


@pytest.mark.usefixtures("reads_here")
def test_windows_are_as_long_as_the_examples(recognizer: Recognizer, long: Path) -> None:
    """2 seconds each."""
    found = find_segments(recognizer, long)
    assert found.lengths == pytest.approx([1.6, 2.0, 2.5])
    assert found.rate == pytest.approx(5)


@pytest.mark.usefixtures("reads_here")
@pytest.mark.parametrize("length", [100.0, 1e9, 1e300])
def test_windows_longer_than_the_video_see_it_whole(
    recognizer: Recognizer, long: Path, length: float
) -> None:
    """50 seconds, in T = 8 pictures."""
    found = find_segments(everything_known(recognizer), long, lengths=[length])
    assert found.searched.seconds == pytest.approx(50)
    assert found.rate == pytest.approx(8 / 50)
    assert [(each.start, each.end) for each in found.segments] == [(0, pytest.approx(50))]


@pytest.mark.usefixtures("reads_here")
def test_a_rate_without_a_picture_of_the_video_is_refused(
    recognizer: Recognizer, long: Path
) -> None:
    said = r"^at 0\.01 pictures a second a video of 50 s has less than one: give a rate of 0\.02 or"
    with pytest.raises(ConfigError, match=said):
        find_segments(recognizer, long, rate=0.01, lengths=[1000.0])


@pytest.mark.usefixtures("reads_here")
def test_values_that_are_not_allowed(recognizer: Recognizer, long: Path) -> None:
    for lengths in ([0.0], [-1.0, 2.0], [float("nan")], [float("inf")], []):
        with pytest.raises(ConfigError):
            find_segments(recognizer, long, lengths=lengths)
    for no_list in (1.0, "1,2", ["1"]):
        with pytest.raises(ConfigError, match="give a list of seconds"):
            find_segments(recognizer, long, lengths=no_list)  # type: ignore[arg-type]
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError):
            find_segments(recognizer, long, rate=rate)
    older = [replace(each, seconds=()) for each in recognizer.classes.values()]
    unknown = Recognizer(recognizer.model, older, text_trained=None)
    with pytest.raises(ConfigError) as raised:
        find_segments(unknown, long)
    assert told("find, examples of unknown length").fullmatch(str(raised.value))


def test_the_record_of_a_search_names_what_was_searched(
    recognizer: Recognizer, long: Path, tmp_path: Path, reads_here: list[LongRequest]
) -> None:
    find_segments(recognizer, long, lengths=LENGTHS, rate=6, work=tmp_path)
    with closing(Record(tmp_path, search={"another": 1}, way=2)) as record:
        assert record.parts == []
