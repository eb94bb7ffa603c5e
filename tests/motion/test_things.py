"""The built-in data set `things`: what its classes say, and what one clip leaves open."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spm.base.yaml_file import read_yaml
from spm.config.dataset import BUILT_IN
from spm.dataset.class_text import class_text
from spm.motion import things
from spm.motion.classes import ACTIONS
from spm.motion.data_sets import DATA_SETS
from spm.motion.render import render
from spm.motion.textures import TEXTURES
from spm.motion.things import CLASSES, COLOURS, THINGS, Thing, ThingClass, draw_clip, render_clip
from tests.import_closure import ROOT

SPLITS, MOTION = (read_yaml(ROOT / f"data/splits/{name}.yaml") for name in ("things", "motion"))
NAMES = st.sampled_from(sorted(CLASSES))


def test_the_stage_makes_what_the_parameters_allow() -> None:
    assert tuple(DATA_SETS) == BUILT_IN


def test_split_lists_share_no_class_and_leave_none_out() -> None:
    listed = [name for split in ("train", "val", "test") for name in SPLITS[split]]
    assert sorted(listed) == DATA_SETS["things"].classes == sorted(CLASSES)
    assert [len(SPLITS[split]) for split in ("train", "val", "test")] == [150, 6, 12]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_actions_are_in_the_split_that_motion_has_them_in(split: str) -> None:
    assert {CLASSES[name].action for name in SPLITS[split]} == set(MOTION[split])


def test_every_thing_is_trained_about_equally_often() -> None:
    counts = Counter(CLASSES[name].thing for name in SPLITS["train"])
    assert counts.keys() == set(THINGS)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_no_two_test_classes_are_about_one_thing() -> None:
    assert len({CLASSES[name].thing for name in SPLITS["test"]}) == len(SPLITS["test"])


def test_the_text_names_the_thing_in_words() -> None:
    about = ThingClass("covering_something_with_something", Thing("orange", "plain"))
    assert about.name == "covering_an_orange_thing_with_something"
    assert Thing("red", "dotted").words == "a dotted red thing"
    assert class_text(about.name) == "covering an orange thing with something"


@settings(max_examples=30)
@given(NAMES, st.integers(0, 2**32))
def test_what_else_is_in_a_clip_is_never_what_a_class_of_its_half_is_about(name, seed) -> None:
    """So a query of the test split never shows what another class of its episode is about."""
    clip = draw_clip(np.random.default_rng(seed), CLASSES[name])
    halves = [set(things._FIRST_HALF), set(things._SECOND_HALF)]
    own = next(half for half in halves if CLASSES[name].thing.colour in half)
    assert _colour(clip.distractor) not in own
    seen = [_colour(look) for look in clip.objects]
    assert all(colour == CLASSES[name].thing.colour or colour not in own for colour in seen)


def _colour(look: things.Look) -> str:
    return min(COLOURS, key=lambda name: np.linalg.norm(look.colours[0] - COLOURS[name]))


def test_a_bystander_is_drawn_from_all_things_of_the_other_half() -> None:
    about = next(each for each in CLASSES.values() if each.thing.colour == "red")
    clips = [draw_clip(np.random.default_rng(seed), about) for seed in range(300)]
    met = {(_colour(clip.distractor), clip.distractor.texture) for clip in clips}
    assert met == {thing for thing in map(tuple, THINGS) if thing[0] in things._SECOND_HALF}


@pytest.mark.parametrize(
    ("action", "is_in_front"),
    [
        ("covering_something_with_something", False),
        ("taking_something_out_from_behind_something", False),
        ("putting_something_onto_something", True),
        ("moving_something_around_something_clockwise", True),
        ("pushing_something_with_something_from_left_to_right", True),
    ],
)
def test_the_thing_is_what_the_action_names_first(action: str, is_in_front: bool) -> None:
    clip = draw_clip(np.random.default_rng(3), ThingClass(action, Thing("red", "plain")))
    assert [_colour(look) == "red" for look in clip.objects] == [not is_in_front, is_in_front]


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_the_thing_of_the_class_is_drawn(action: str) -> None:
    """Its colour fills some of the first or of the last frame, which no bystander or noise has."""
    clip = draw_clip(np.random.default_rng(3), ThingClass(action, Thing("red", "plain")))
    clip = clip._replace(
        noise=0.0, background=np.zeros_like(clip.background), distractor_path=np.full((2, 2), -99.0)
    )
    frames = render(action, clip)[[0, -1]].astype(int)
    red = next(look for look in clip.objects if _colour(look) == "red").colours[0]
    assert (np.abs(frames - red).max(axis=-1) < 3).sum() > 20


def test_a_clip_follows_from_class_seed_and_number_alone() -> None:
    name, other = sorted(CLASSES)[:2]
    clip = render_clip(name, seed=1, number=2)
    assert np.array_equal(clip, render_clip(name, seed=1, number=2))
    for another in (
        render_clip(name, seed=2, number=2),
        render_clip(name, seed=1, number=3),
        render_clip(other, seed=1, number=2),
    ):
        assert not np.array_equal(clip, another)


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_is_a_share(name: str) -> None:
    u, v = np.meshgrid(*2 * [np.linspace(-1, 1, 41, dtype=np.float32)])
    share = TEXTURES[name](u, v, 0.3)
    assert share.shape == u.shape
    assert (share >= 0).all()
    assert (share <= 1).all()
    assert 0.05 < share.mean() < 0.95 or name == "plain"
