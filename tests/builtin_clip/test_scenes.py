"""The frames and captions that the small CLIP learns from."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.builtin_clip import scenes
from spm.builtin_clip.scenes import draw_scene
from spm.motion.data_sets import DATA_SETS
from spm.motion.look import SIDE
from spm.motion.things import COLOURS, THINGS


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_a_scene_follows_from_its_generator(seed: int) -> None:
    frame, caption = draw_scene(np.random.default_rng(seed))
    again, same = draw_scene(np.random.default_rng(seed))
    assert (frame.shape, frame.dtype) == ((SIDE, SIDE, 3), np.uint8)
    assert np.array_equal(frame, again)
    assert caption == same


@pytest.fixture(scope="module")
def captions() -> list[str]:
    rng = np.random.default_rng(0)
    return [draw_scene(rng)[1] for _ in range(2000)]


def test_captions_name_all_things_and_places_in_several_wordings(captions: list[str]) -> None:
    for thing in THINGS:
        assert sum(thing.words in caption for caption in captions) >= 20, thing
    for place in ("at the top left corner", "in the middle", "at the right", "close to each other"):
        assert any(place in caption for caption in captions), place
    assert len({re.sub(r"\ban? .*thing\b|something", "_", caption) for caption in captions}) > 200


def test_no_caption_is_the_text_of_a_class(captions: list[str]) -> None:
    texts = {name.replace("_", " ") for each in DATA_SETS.values() for name in each.classes}
    assert len(texts) == 48 + 168
    assert not [text for text in texts for caption in captions if text in caption]


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (0.1, 0.1, "at the top left corner"),
        (0.9, 0.1, "at the top right corner"),
        (0.5, 0.9, "at the bottom"),
        (0.1, 0.5, "at the left"),
        (0.5, 0.5, "in the middle"),
    ],
)
def test_a_place_has_the_words_of_its_third(x: float, y: float, words: str) -> None:
    assert scenes._place(scenes._Placed("it", x, y)) == words


@pytest.mark.parametrize(
    ("distance", "words"),
    [(0.27, " close to each other"), (0.3, ""), (0.51, " far from each other")],
)
def test_two_objects_are_close_or_far_by_their_distance(distance: float, words: str) -> None:
    one, other = scenes._Placed("one", 0.2, 0.3), scenes._Placed("other", 0.2 + distance, 0.3)
    assert scenes._between(one, other) == words


def test_the_caption_is_true_of_the_frame() -> None:
    """A plain thing that a caption names shows its colour in the frame."""
    found = 0
    for seed in range(120):
        frame, caption = draw_scene(np.random.default_rng(seed))
        named = re.findall(r"\ban? (\w+) thing", caption)
        for colour in named:
            near = np.abs(frame.astype(int) - COLOURS[colour]).max(axis=-1) < 45
            assert near.sum() > 10, (seed, caption)
            found += 1
    assert found > 20
