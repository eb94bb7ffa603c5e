"""A frozen tower in the real pipeline: what reruns, and towers of real size."""

import json

import pytest
from ruamel.yaml import YAML

from spm.config.model import method_values
from stages import evaluate, features, report, train
from stages.shared import params, paths
from tests.project import Project, stages_run
from tests.stages import test_train
from tests.stages.test_train import change

workspace = test_train.workspace


@pytest.mark.slow
def test_another_method_reruns_train_and_another_tower_features(tmp_path):
    project = Project(tmp_path, parameters={"backbone.frozen": True, "runtime.tracking": False})
    assert "features" in stages_run(project.dvc("repro").stdout)
    before = project.out_hashes()["data/features"]
    set_method(project, "otam", **{"train.episodes": 0})
    assert stages_run(project.dvc("repro").stdout) == ["inventory", "train", "evaluate", "report"]
    assert results(project)["shots"]["1"]["accuracy"] > 20
    project.change({"backbone.normalize": False})
    ran = stages_run(project.dvc("repro").stdout)
    assert ran == ["inventory", "features", "prompts", "train", "evaluate", "report"]
    assert project.out_hashes()["data/features"] != before
    project.change({"backbone.normalize": True})
    assert stages_run(project.dvc("repro").stdout) == ["inventory"]
    assert project.out_hashes()["data/features"] == before


def set_method(project: Project, name: str, **parameters: object) -> None:
    yaml, path = YAML(), project.folder / "params.yaml"
    document = yaml.load(path)
    document["model"] = method_values(name)
    yaml.dump(document, path)
    project.change(parameters)


def results(project: Project) -> dict:
    return json.loads((project.folder / "data/results/evaluate.json").read_text())


RESNET, VIT = ("timm/resnet50.tv_in1k", 2048), ("ViT-B-16-quickgelu", 512)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tower", "train_last", "methods"),
    [
        (RESNET, None, ("otam", "clip_spm")),
        (VIT, None, ("otam", "clip_spm")),
        (VIT, 1, ("clip_spm",)),
    ],
)
def test_large_towers_with_random_weights(
    workspace: None, tower: tuple[str, int], train_last: int | None, methods: tuple[str, ...]
) -> None:
    """A method that has nothing to train, and one that is trained on the same features."""
    name, channels = tower
    for path in paths.FRAMES.iterdir():
        path.unlink()
    test_train._write_frames_and_prompts(side=224, channels=channels, clips=3)
    change("backbone", name=name, frozen=train_last is None, train_last=train_last)
    change("features", views=1, storage="float16")
    features.main()
    own = json.loads(params.PARAMS.read_text())["model"]
    own["spm"] = channels == 512  # a ResNet of ImageNet has no texts
    for method in methods:
        document = json.loads(params.PARAMS.read_text())
        document["model"] = own if method == "clip_spm" else dict(method_values(method))
        params.PARAMS.write_text(json.dumps(document))
        change("train", episodes=2 if method == "clip_spm" else 0)
        for stage in (train, evaluate, report):
            stage.main()
        found = json.loads(paths.EVALUATION.read_text())
        assert (found["method"], found["episodes"]) == (method, 8)
        assert (paths.REPORT / "report.md").is_file()
