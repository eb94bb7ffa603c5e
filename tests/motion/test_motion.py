"""The built-in data set: what its classes say, and what its clips must not say about them."""

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from bench import processes
from spm.base.errors import ConfigError
from spm.base.hashing import file_hash
from spm.base.yaml_file import read_yaml
from spm.motion import look as motion_look
from spm.motion import things
from spm.motion.actions import Pose
from spm.motion.classes import ACTIONS, CLASSES, REVERSED
from spm.motion.data_sets import DataSet
from spm.motion.look import FRAMES_PER_SECOND, SIDE, draw_nuisance
from spm.motion.mp4 import write_mp4
from spm.motion.render import render, render_clip
from stages import clips
from stages.shared import paths
from tests.import_closure import ROOT
from tests.manifests import runtime_values
from tests.project import wait_until

SPLIT_LISTS = YAML(typ="safe").load(ROOT / "data/splits/motion.yaml")
NAMES = st.sampled_from(CLASSES)


def test_classes_are_enough_and_worded_as_folders():
    assert len(CLASSES) >= 48
    assert all(name.replace("_", "").isalpha() and name.islower() for name in CLASSES)
    assert len(REVERSED) >= 8


def test_split_lists_share_no_class_and_leave_none_out():
    listed = [name for split in ("train", "val", "test") for name in SPLIT_LISTS[split]]
    assert sorted(listed) == CLASSES
    assert [len(SPLIT_LISTS[split]) for split in ("train", "val", "test")] == [30, 6, 12]


def test_both_classes_of_a_reversed_pair_are_in_one_split():
    split_of = {name: split for split, names in SPLIT_LISTS.items() for name in names}
    assert all(split_of[one] == split_of[other] for one, other in REVERSED.items())
    assert sum(name in REVERSED for name in SPLIT_LISTS["test"]) >= 4


@pytest.mark.parametrize(("forwards", "backwards"), REVERSED.items())
def test_a_reversed_pair_has_the_same_frames_in_the_opposite_order(forwards, backwards):
    look = draw_nuisance(np.random.default_rng(5))._replace(noise=0.0)
    one, other = render(forwards, look), render(backwards, _in_the_opposite_order(look))
    np.testing.assert_allclose(one[::-1].astype(int), other.astype(int), atol=1)  # float32
    assert np.abs(one.astype(int) - other).max() > 50  # and it is not the same clip


def _in_the_opposite_order(look):
    return look._replace(
        hold=look.hold[::-1], warp=-look.warp, distractor_path=look.distractor_path[::-1]
    )


def test_no_two_classes_are_the_same_action():
    t = np.linspace(0, 1, 9)
    paths = {str([[np.round(v + 0 * t, 3) for v in p] for p in ACTIONS[c](t)]) for c in CLASSES}
    assert len(paths) == len(CLASSES)


@given(NAMES, st.floats(0, 1))
def test_poses_stay_in_the_picture(name, t):
    for pose in ACTIONS[name](np.array([t])):
        assert np.hypot(pose.x, pose.y).max() <= 1.3
        for size in (pose.width, pose.height):
            assert np.min(size) >= 0.3
            assert np.max(size) <= 2.5


@settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_times_run_once_from_0_to_1_over_2_to_4_seconds(seed):
    t = motion_look.times(draw_nuisance(np.random.default_rng(seed)))
    assert (t[0], t[-1]) == (0, 1)
    assert (np.diff(t) >= 0).all()
    assert 2 <= len(t) / FRAMES_PER_SECOND <= 4


def test_a_clip_follows_from_class_seed_and_number_alone():
    clip = render_clip(CLASSES[0], seed=1, number=2)
    assert np.array_equal(clip, render_clip(CLASSES[0], seed=1, number=2))
    for other in (
        render_clip(CLASSES[0], seed=2, number=2),
        render_clip(CLASSES[0], seed=1, number=3),
        render_clip(CLASSES[1], seed=1, number=2),
    ):
        assert not np.array_equal(clip, other)


def test_the_object_is_drawn_where_the_pose_says():
    look = draw_nuisance(np.random.default_rng(0))._replace(
        noise=0.0, background=np.zeros((SIDE, SIDE, 3)), distractor_path=np.full((2, 2), -99.0)
    )
    frames = render("moving_something_from_left_to_right", look).sum(axis=-1).astype(float)
    columns = (frames * np.arange(SIDE)).sum(axis=(1, 2)) / frames.sum(axis=(1, 2))
    x, reach = look.centre[0], look.reach
    np.testing.assert_allclose(columns[[0, -1]], [x - reach, x + reach], atol=2)
    assert isinstance(ACTIONS["moving_something_up"](np.zeros(1))[0], Pose)


@pytest.fixture(scope="module")
def mean_colours():
    """[classes, clips, 3] of a reduced set."""
    clip_numbers = range(8)
    return np.array(
        [
            [render_clip(name, seed=0, number=n).mean(axis=(0, 1, 2)) for n in clip_numbers]
            for name in CLASSES
        ]
    )


def test_mean_colour_says_nothing_about_the_class(mean_colours):
    assert _deviations_above_chance(mean_colours) < 3


def test_a_class_that_showed_in_its_colour_would_be_found(mean_colours):
    tint = np.random.default_rng(0).normal(scale=25, size=(len(CLASSES), 1, 3))
    assert _deviations_above_chance(mean_colours + tint) > 3


def test_clips_of_one_number_look_different_in_each_class(mean_colours):
    assert mean_colours[:, 0].std(axis=0).min() > 10


def _deviations_above_chance(colours):
    """Of a nearest-centroid classifier, each half of the clips once as the training half."""
    number = colours.shape[1] // 2
    halves = colours[:, :number], colours[:, number:]
    right = sum(_nearest_centroid(*order) for order in (halves, halves[::-1]))
    draws, chance = colours.shape[0] * colours.shape[1], 1 / colours.shape[0]
    return (right - draws * chance) / np.sqrt(draws * chance * (1 - chance))


def _nearest_centroid(train, test):
    """How many of test [classes, clips, 3] are nearest to their own class's centroid."""
    centroids = train.mean(axis=1)
    distances = np.linalg.norm(test[:, :, None] - centroids, axis=-1)
    return (distances.argmin(axis=-1) == np.arange(len(test))[:, None]).sum()


def test_a_file_is_h264_and_shows_the_frames(tmp_path):
    frames = render_clip(CLASSES[7], seed=0, number=0)
    write_mp4(frames, tmp_path / "clip.mp4", frames_per_second=FRAMES_PER_SECOND)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.average_rate == FRAMES_PER_SECOND
        assert 2 <= container.duration / av.time_base <= 4
        decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(stream)])
    assert decoded.shape == frames.shape
    assert np.abs(decoded.astype(float) - frames).mean() < 12


def test_the_bytes_of_a_file_do_not_depend_on_what_was_encoded_before(tmp_path):
    """They did, with x264's macroblock tree."""
    three = [render_clip(name, seed=0, number=0) for name in CLASSES[:3]]
    seen = [set() for _ in three]
    for number in np.random.default_rng(0).integers(3, size=30):
        write_mp4(three[number], tmp_path / "clip.mp4", frames_per_second=FRAMES_PER_SECOND)
        seen[number].add((tmp_path / "clip.mp4").read_bytes())
    assert [len(contents) for contents in seen] == [1, 1, 1]


def parameters(*, workers, **dataset):
    """params.yaml, with a split that a few classes are enough for."""
    document = read_yaml(ROOT / "params.yaml")
    document["dataset"] |= {"split": {"seed": 0, "train": 1, "val": 1, "test": 1}, **dataset}
    document["runtime"] = runtime_values(workers=workers)
    return document


class TestStage:
    NAMES = CLASSES[:3]

    @pytest.fixture
    def project(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("CLIP_SPM_STATE", str(tmp_path / "state"))
        few = DataSet(self.NAMES, render_clip)
        monkeypatch.setitem(clips.DATA_SETS, "motion", few)
        return tmp_path

    def generate(self, *, name="motion", seed=0, workers=1, **others):
        generator = {"seed": seed, "clips_per_class": 2}
        document = parameters(workers=workers, name=name, generator=generator)
        for key, value in others.items():
            section, parameter = key.split("__")
            document[section][parameter] = value
        YAML().dump(document, Path("params.yaml"))
        clips.main()
        files = sorted(file for file in paths.BUILT_IN_CLIPS.rglob("*") if file.is_file())
        return {
            file.relative_to(paths.BUILT_IN_CLIPS).as_posix(): file_hash(file) for file in files
        }

    @pytest.mark.usefixtures("project")
    def test_the_same_bytes_whatever_the_workers_and_the_number_of_times(self):
        files = self.generate(workers=2)
        assert list(files) == [f"{name}/{clip:03}.mp4" for name in self.NAMES for clip in (0, 1)]
        assert len(set(files.values())) == len(files)
        assert self.generate(workers=1) == files
        assert set(self.generate(seed=1).values()).isdisjoint(files.values())

    @pytest.mark.usefixtures("project")
    def test_what_an_earlier_run_left_is_gone(self):
        self.generate()
        (paths.BUILT_IN_CLIPS / "old_class").mkdir()
        (paths.BUILT_IN_CLIPS / "old_class" / "000.mp4").write_bytes(b"old")
        assert not any(name.startswith("old_class") for name in self.generate())

    @pytest.mark.usefixtures("project")
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"train__learning_rat": 0.1}, r"train\.learning_rat is not a parameter"),
            ({"evaluate__batch": "50"}, r"evaluate\.batch = '50'"),
            ({"frames__short_side": 48}, r"raise frames\.short_side to 56"),
            ({"frames__reader": "torchcodec"}, "'torchcodec' cannot be imported"),
            ({"dataset__split": "data/splits/none.yaml"}, "there is no such file"),
            ({"model__init_from": "models/none"}, "there is no models/none/model.safetensors"),
        ],
    )
    def test_what_a_later_stage_would_refuse_is_refused_before_a_clip_is_made(
        self, wrong, message, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, "torchcodec", None)
        with pytest.raises(ConfigError, match=message):
            self.generate(**wrong)
        assert not paths.BUILT_IN_CLIPS.exists()

    @pytest.mark.usefixtures("project")
    def test_the_other_built_in_data_set_takes_the_place_of_the_first(self, monkeypatch):
        names = sorted(things.CLASSES)[:3]
        monkeypatch.setitem(clips.DATA_SETS, "things", DataSet(names, things.render_clip))
        self.generate()
        assert list(self.generate(name="things")) == [
            f"{name}/{clip:03}.mp4" for name in names for clip in (0, 1)
        ]

    @pytest.mark.usefixtures("project")
    def test_another_data_set_leaves_an_empty_folder(self):
        self.generate()
        assert self.generate(name="mine") == {}
        assert list(paths.BUILT_IN_CLIPS.iterdir()) == []

    def test_nothing_outlives_a_stage_that_is_killed(self, tmp_path):
        with generating(tmp_path) as (stage, word):
            stage.kill()
            stage.wait()
            assert processes.wait_for_end(word, seconds=20) == []

    def test_a_killed_process_of_the_pool_ends_the_stage_with_a_sentence(self, tmp_path):
        with generating(tmp_path) as (stage, word):
            ours = (os.getpid(), stage.pid)  # the pool's are the fork server's children
            workers = [each for each in processes.processes(word) if each.ppid() not in ours]
            processes.kill(workers[0])
            said = stage.communicate(timeout=60)[0]
        assert stage.returncode == 1
        assert said.splitlines()[-1].startswith("clips: error: a process that renders clips was ")
        assert "Traceback" not in said
        assert not (tmp_path / paths.BUILT_IN_CLIPS).exists()


@contextmanager
def generating(folder):
    """The stage at work in a process of its own, and the word that marks it and its children."""
    document = parameters(workers=1, generator={"seed": 0, "clips_per_class": 200})
    YAML().dump(document, folder / "params.yaml")
    word = uuid.uuid4().hex
    stage = subprocess.Popen(
        [sys.executable, "-m", "stages.clips"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **processes.marked(word)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_until(lambda: any(folder.rglob("*.mp4")))
        yield stage, word
    finally:
        processes.kill_all(word)
        stage.wait()
