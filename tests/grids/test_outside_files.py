"""Files from outside count by their content, and videos are read once."""

from pathlib import Path

import pytest

from pipeline.grids.outside_files import OutsideFiles
from pipeline.presets.parameters import apply
from spm.base.yaml_file import read_yaml
from spm.dataset import inventory
from tests.import_closure import ROOT

MINE = {"dataset.name": "mine", "runtime.root": "videos"}


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("CLIP_SPM_DATA", raising=False)
    (tmp_path / "models/start").mkdir(parents=True)
    (tmp_path / "models/start/config.json").write_text("{}")
    (tmp_path / "videos/mine/a").mkdir(parents=True)
    (tmp_path / "videos/mine/a/1.mp4").write_bytes(b"1")
    return tmp_path


def parameters(**changes):
    return apply(read_yaml(ROOT / "params.yaml"), MINE | changes)


def outside(project: Path) -> OutsideFiles:
    return OutsideFiles(root=project, state=project / "state")


def test_they_count_by_content(project):
    names = {"model.init_from": "models/start", "backbone.weights": "openai"}
    before = outside(project).of(parameters(**names))
    assert set(before) == {"models/start", "videos"}  # openai is a tag, no file
    (project / "videos/mine/a/2.mp4").write_bytes(b"2")
    more = outside(project).of(parameters(**names))
    assert more["videos"] != before["videos"]
    (project / "models/start/config.json").write_text("[]")
    assert outside(project).of(parameters(**names))["models/start"] != before["models/start"]


def test_what_lies_beside_the_clips_does_not_count(project):
    before = outside(project).of(parameters())
    (project / "videos/mine/a/1.info.json").write_text("{}")
    assert outside(project).of(parameters()) == before


def test_weights_count_by_all_of_their_content(project):
    names = {"backbone.weights": "models/clip.pt"}
    found = set()
    for middle in (b"\0", b"\1"):
        (project / "models/clip.pt").write_bytes(bytes(1 << 17) + middle + bytes(1 << 17))
        found.add(outside(project).of(parameters(**names))["models/clip.pt"])
    assert len(found) == 2


def test_videos_that_are_not_here_are_told_from_those_that_are(project):
    assert outside(project).of(parameters(**{"dataset.name": "other"})) == {"videos": "absent"}


def test_a_data_set_is_walked_once_for_all_points_and_no_file_is_read_twice(project, monkeypatch):
    walked, read = [], []
    walk, key = inventory.walk, inventory.cheap_key
    monkeypatch.setattr(inventory, "walk", lambda f, **o: walked.append(f) or walk(f, **o))
    monkeypatch.setattr(inventory, "cheap_key", lambda path: read.append(path) or key(path))
    files = outside(project)
    points = [files.of(parameters(**{"train.seed": seed})) for seed in range(3)]
    assert points[0] == points[1] == points[2]
    assert outside(project).of(parameters()) == points[0]  # the grid once more, or its table
    assert len(walked) == 2
    assert [path.name for path in read] == ["1.mp4"]
