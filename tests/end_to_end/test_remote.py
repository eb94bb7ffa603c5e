"""A DVC remote: what one machine decoded, another trains on without the videos."""

import json

import pytest

from spm.motion.classes import CLASSES
from spm.motion.mp4 import write_mp4
from spm.motion.render import render_clip
from tests.project import OWN_CLIPS, Project, stages_run

pytestmark = pytest.mark.slow


@pytest.fixture
def pushed(tmp_path):
    """A project that was run on a data set of its own, whose results are in a remote."""
    (tmp_path / "project").mkdir()
    project = Project(
        tmp_path / "project",
        parameters=OWN_CLIPS | {"frames.num_shards": 3, "runtime.root": "../videos"},
    )
    for name in CLASSES[:7]:
        (tmp_path / "videos/mine" / name).mkdir(parents=True)
        for number in range(5):
            path = tmp_path / "videos/mine" / name / f"{number}.mp4"
            write_mp4(render_clip(name, seed=0, number=number), path, frames_per_second=12)
    project.dvc("repro")
    project.dvc("remote", "add", "-d", "shared", str(tmp_path / "remote"))
    project.dvc("push")
    project.commit("results")
    return project


def test_a_clone_without_the_videos_trains(tmp_path, pushed):
    (tmp_path / "videos").rename(tmp_path / "videos of the other machine")
    elsewhere = pushed.clone(tmp_path / "elsewhere")
    elsewhere.dvc("pull")
    output = elsewhere.dvc("repro").stdout
    assert stages_run(output) == ["inventory"]
    assert "does not exist: the recorded inventory data/inventory.parquet is kept" in output
    assert elsewhere.out_hashes() == pushed.out_hashes()

    elsewhere.change({"train.lr": 0.002})
    assert stages_run(elsewhere.dvc("repro").stdout) == ["inventory", "train", "evaluate", "report"]
    results = elsewhere.folder / "data/results/evaluate.json"
    assert json.loads(results.read_text())["episodes"] == 10
    assert elsewhere.out_hashes()["data/frames"] == pushed.out_hashes()["data/frames"]
