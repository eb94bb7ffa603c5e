"""`--as-released`: a method trains with what its public release was trained with."""

import shutil
from pathlib import Path

import pytest

from pipeline.presets.benchmark_preset import BACKBONES
from pipeline.presets.released_training import FILE, released_training
from pipeline.presets.set_preset import set_preset
from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dataset import BENCHMARKS
from spm.config.dotted import flatten
from spm.config.model import method_file, method_names
from stages.shared import params as project

RELEASED = [name for name in method_names() if method_file(name, FILE).is_file()]


@pytest.fixture
def params(tmp_path: Path) -> Path:
    return Path(shutil.copy(project.PARAMS, tmp_path / "params.yaml"))


@pytest.mark.parametrize("method", RELEASED)
@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_every_combination_is_a_valid_configuration(
    params: Path, method: str, benchmark: str
) -> None:
    for shot in (1, 5):
        for backbone in BACKBONES:
            chosen = {"shot": shot, "backbone": backbone}
            set_preset(benchmark, method=method, as_released=True, path=params, **chosen)
            found = flatten(read_yaml(params))
            expected = released_training(method, dataset=benchmark, **chosen)
            assert expected.items() <= found.items()
            assert found["evaluate.shots"] == [shot]
            assert found["train.selection"] == "validation"


@pytest.mark.parametrize("method", RELEASED)
def test_motion_takes_it_all_back(params: Path, method: str) -> None:
    before = params.read_text(encoding="utf-8")
    set_preset("hmdb51", method=method, as_released=True, path=params)
    assert params.read_text(encoding="utf-8") != before
    for preset in ("clip_spm", "motion"):
        set_preset(preset, path=params)
    assert params.read_text(encoding="utf-8") == before


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_all_releases_set_the_same_parameters_so_none_is_left_of_another(benchmark: str) -> None:
    keys = {
        method: {
            key
            for key in released_training(method, dataset=benchmark, shot=1, backbone="ViT-B-16")
            if not key.startswith("model.")
        }
        for method in RELEASED
    }
    expected = keys["trx"]
    assert {"train.loss", "train.betas", "train.warmup_factor", "evaluate.query"} <= expected
    optional = {"train.episodes", "train.validate_every"}  # not known of every release
    assert all(found | optional == expected | optional for found in keys.values())


def test_a_row_of_one_data_set_shot_and_backbone_goes_before_the_general_one() -> None:
    def tokens(**chosen: object) -> dict:
        return released_training("team", dataset="hmdb51", **chosen)  # type: ignore[arg-type]

    assert tokens(shot=5, backbone="RN50")["model.tokens"] == 70
    assert tokens(shot=5, backbone="ViT-B-16")["model.tokens"] == 60
    assert tokens(shot=1, backbone="RN50")["train.accumulate"] == 16
    assert "model.tokens" not in tokens(shot=3, backbone="RN50")


def test_clip_fsar_is_trained_at_one_shot_for_five(params: Path) -> None:
    set_preset("hmdb51", method="clip_fsar", shot=5, as_released=True, path=params)
    found = flatten(read_yaml(params))
    assert (found["episode.shot"], found["evaluate.shots"]) == (1, [5])
    assert found["model.supports"] == "mean"
    assert set_preset("clip_fsar", as_released=True, path=params) == ""


@pytest.mark.parametrize(
    ("preset", "method", "said"),
    [
        ("hmdb51", "mean_pooled_cosine", r"no public release .* mean_pooled_cosine .*: .*otam"),
        ("hmdb51", "clip_spm", r"CLIP-SPM's release is the preset `release`"),
        ("motion", "otam", r"no release was trained on 'motion': name a benchmark .*hmdb51"),
    ],
)
def test_what_no_release_says_is_not_made_up(
    params: Path, preset: str, method: str, said: str
) -> None:
    before = params.read_bytes()
    with pytest.raises(ConfigError, match=said):
        set_preset(preset, method=method, as_released=True, path=params)
    assert params.read_bytes() == before
