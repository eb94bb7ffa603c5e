"""The frames and captions that the small CLIP learns from."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.builtin_clip.scenes import draw_scene
from spm.motion.classes import CLASSES
from spm.motion.look import SIDE
from spm.motion.things import CLASSES as THING_CLASSES
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


def test_no_caption_says_what_a_class_says(captions: list[str]) -> None:
    """No class of any split is seen in pretraining: neither its text nor an action's."""
    texts = {name.replace("_", " ") for name in (*CLASSES, *THING_CLASSES)}
    said = [text for text in texts for caption in captions if text in caption]
    allowed = re.compile(r"(moving|folding|throwing|dropping|squeezing) (an? .*thing|something)")
    assert all(allowed.fullmatch(text) for text in said), said


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
