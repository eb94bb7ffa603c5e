"""The interface that every method keeps, and the two doors to them."""

from typing import Any

import pytest
import torch

import spm.methods
from spm.base.errors import ConfigError, DataError
from spm.base.yaml_file import read_yaml
from spm.config.base import validate
from spm.config.model import ModelConfig, method_names, method_values
from spm.config.sections import check_all
from spm.methods.clip_spm import released
from spm.methods.registry import baselines
from stages.shared import params
from tests.methods.drawn import build, episode
from tests.released.test_convert import head as released_head

NAMES = method_names()


def test_there_are_these() -> None:
    assert {"clip_spm", "mean_pooled_cosine", "otam", "protonet", "zero_shot"} <= set(NAMES)
    assert [each.method for each in baselines()] == ["mean_pooled_cosine", "zero_shot"]


@pytest.mark.parametrize("name", NAMES)
def test_values_are_a_section_that_names_its_method(name: str) -> None:
    values = method_values(name)
    section = validate(ModelConfig, values, name="model")
    assert section.model_dump() == values
    assert section.method == name
    assert type(section).title


def test_params_yaml_holds_the_values_of_its_method() -> None:
    section = read_yaml(params.PARAMS)["model"]
    assert section == method_values(section["method"])


def test_without_its_components_clip_spm_is_otam_at_one_shot() -> None:
    off = {"hsmr": False, "spm": False, "padm": False, "lambda2": 1.0, "otam_lambda": 0.3}
    plain, otam = build("clip_spm", **off), build("otam", otam_lambda=0.3)
    one_shot, two_shot = (episode("otam", shots=[shot] * 3) for shot in (1, 2))
    torch.testing.assert_close(
        plain.classify(one_shot), otam.classify(one_shot), rtol=0, atol=1e-12
    )
    # A mean of features is not a mean of distances: at K = 2 they part.
    assert not torch.allclose(plain.classify(two_shot), otam.classify(two_shot), atol=1e-3)


def test_a_name_that_is_no_method_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"model.method = 'otma' is not a method.*'otam'"):
        spm.methods.build("otma", channels=16, num_frames=4)
    with pytest.raises(ConfigError, match=r"otam.lam is not a parameter.*otam_lambda"):
        spm.methods.build("otam", channels=16, num_frames=4, lam=0.1)


def _of(name: str, **changed: Any) -> dict[str, Any]:
    return method_values(name) | changed


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (
            _of("clip_spm", method="otam"),
            r"model.method is otam, and the section holds values of .*clip_spm.* \(alpha, .*…\): "
            r"`clip-spm preset otam` sets the section to otam's values",
        ),
        (_of("otam", method="protonet"), r"holds values of .*clip_spm and otam \(otam_lambda\): "),
        (_of("otam", method="clip_spm"), r"holds values|missing"),
        (_of("zero_shot", method="otam"), r"holds none of otam's values \(otam_lambda\): "),
        (_of("clip_spm", variant="cosine"), r"holds values of protonet \(variant\): "),
        (_of("clip_spm", method="clipspm"), r"'clipspm' is not a method.*clip_spm"),
        (_of("clip_spm", method=None), r"None is not a method. There are: .*clip_spm, "),
        (_of("clip_spm", aplha=1.0), r"model.aplha is not a parameter.*'alpha'"),
        (
            {"init_from": None, "seed": 0},
            r"model.method is missing; there are: .*clip_spm, .*`clip-spm preset clip_spm` writes",
        ),
        (
            _of("clip_spm", text_ensemble="mean"),
            r"model.text_ensemble stands in the section prompts now: move the line",
        ),
    ],
)
def test_a_section_of_another_method_is_an_error_with_the_remedy(
    section: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        check_all(read_yaml(params.PARAMS) | {"model": section})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"method": "clip_spm"}, "method = 'clip_spm': a method is built by its name"),
        ({"init_from": "models/x"}, "init_from = 'models/x'"),
        ({"channels": 0}, "channels = 0, num_frames = 4: both must be 1 or more"),
    ],
)
def test_build_refuses_what_it_does_not_heed(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        spm.methods.build("otam", **{"channels": 16, "num_frames": 4} | values)


def test_a_head_is_filled_from_its_release() -> None:
    sizes = {"heads": 8, "head_dim": 6, "hidden_dim": 10}
    gates = {"gate_visual_ratio": 0.5, "gate_prompt_ratio": 1.5}
    state = released_head(channels=24, hidden=10)
    head = spm.methods.build(
        "clip_spm", channels=24, num_frames=4, learn_lambda3=True, **sizes, **gates
    )
    wrapped = {f"module.{name}": value for name, value in state.items()}
    spm.methods.load_released(head, wrapped)
    for name, value in head.state_dict().items():
        assert torch.equal(value, state[released.released_name(name)]), name

    del state["motion_conv1.bias"]
    with pytest.raises(DataError, match=r"does not fit ClipSPM: 1 missing \(motion_conv1.bias\)"):
        spm.methods.load_released(head, state)
