"""`dvc repro` on folders as people have them: from numbered images to an accuracy."""

import json

import pyarrow.parquet as pq
import pytest
from PIL import Image

from spm.motion.classes import CLASSES
from spm.motion.render import render_clip
from tests.project import OWN_CLIPS, Project, stages_run

pytestmark = pytest.mark.slow

FRAME_FOLDERS = {
    "dataset.kind": "frame_folders",
    "dataset.split": "folders",
    "dataset.class_texts": {"caf\u00e9": "something in a caf\u00e9"},
    "dataset.max_rejected": 0.04,
}
FOLDERS = ["Train/cafe\u0301", "Train/b", "Train/c", "val/d", "val/e", "test/f", "test/g"]
"""The first in the Unicode of a Mac."""


def write_clip(folder, name, *, number):
    folder.mkdir(parents=True)
    for place, frame in enumerate(render_clip(name, seed=0, number=number)[:12]):
        Image.fromarray(frame).save(folder / f"img_{place + 1:05}.jpg", quality=90)


def test_folders_of_images_become_an_accuracy(tmp_path):
    project = Project(tmp_path, parameters=OWN_CLIPS | FRAME_FOLDERS)
    data = project.folder / "data/raw/mine"
    for folder, name in zip(FOLDERS, CLASSES, strict=False):
        for number in range(4):
            write_clip(data / folder / f"clip.{number}", name, number=number)
            (data / folder / f"clip.{number}.json").write_text("{}")
    broken = data / FOLDERS[0] / "clip.4"
    write_clip(broken, CLASSES[0], number=4)
    (broken / "img_00003.jpg").unlink()
    (data / FOLDERS[0] / "readme.txt").write_text("recorded in May")

    output = project.dvc("repro").stdout
    assert "evaluate" in stages_run(output)
    assert "passed over, no clips by their names: 28 .json, 1 .txt" in output
    results = json.loads((project.folder / "data/results/evaluate.json").read_text())
    assert (results["way"], results["shot"], results["episodes"]) == (2, 1, 10)
    assert 0 <= results["accuracy"] <= 100

    index = pq.read_table(project.folder / "data/frames/index.parquet").to_pylist()
    rejected = {clip["id"]: clip["reason"] for clip in index if clip["status"] == "rejected"}
    assert rejected == {
        f"{FOLDERS[0]}/clip.4": "frames are missing between img_00002.jpg and img_00004.jpg"
    }
    usable = [clip for clip in index if clip["status"] == "ok"]
    assert len(usable) == 28
    assert {(clip["reader"], clip["video_frames"]) for clip in usable} == {("pillow", 12)}
    assert {clip["class"]: clip["split"] for clip in usable} == {
        **dict.fromkeys(["caf\u00e9", "b", "c"], "train"),
        **dict.fromkeys(["d", "e"], "val"),
        **dict.fromkeys(["f", "g"], "test"),
    }
    texts = {clip["class_text"] for clip in usable if clip["class"] == "caf\u00e9"}
    assert texts == {"something in a caf\u00e9"}
