"""Filling a method from a release that holds more than the method has."""

import sys
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from torch import nn

import spm.methods
from spm.base.errors import ConfigError, DataError
from spm.config import model
from spm.config.model import ModelConfig
from spm.methods.base import Method
from spm.methods.registry import build_method, load_released


class Small(Method):
    released_unused: ClassVar[tuple[str, ...]] = ("*.norm_v.*", "scale")

    def __init__(self) -> None:
        super().__init__()
        self.pairs = nn.Linear(2, 1, bias=False)

    @staticmethod
    def released_name(name: str) -> str:
        return name.replace("pairs.", "0.k_linear.")


def test_tensors_that_the_release_does_not_use_are_ignored() -> None:
    weight = torch.tensor([[3.0, 4.0]])
    unused = {"0.norm_v.weight": torch.ones(5), "scale": torch.ones(1)}
    head = Small()
    load_released(head, {"0.k_linear.weight": weight, "backbone.conv": torch.ones(1)} | unused)
    assert torch.equal(head.pairs.weight, weight)


@pytest.mark.parametrize("name", ["0.norm_k.weight", "0.Norm_v.weight", "scale_motion"])
def test_a_tensor_that_no_pattern_matches_is_unknown(name: str) -> None:
    state = {"0.k_linear.weight": torch.ones(1, 2), name: torch.ones(5)}
    with pytest.raises(DataError, match=rf"does not fit Small: 1 unknown \({name}\)"):
        load_released(Small(), state)


def test_a_part_that_a_switch_builds_is_filled_where_it_is() -> None:
    class Switched(Small):
        released_other_prefixes: ClassVar[tuple[str, ...]] = ("backbone.", "classes.")

    state = {"0.k_linear.weight": torch.ones(1, 2), "classes.weight": torch.full((3, 2), 5.0)}
    without, having = Switched(), Switched()
    having.classes = nn.Linear(2, 3, bias=False)
    load_released(without, state)
    load_released(having, state)
    assert torch.equal(having.classes.weight, state["classes.weight"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_package", r"ModuleNotFoundError: No module.*method.py, line 1\): mend it"),
        ("def build(:", "SyntaxError"),
        ("x = 1", "has no function `build`"),
        ("from spm.methods.otam.method import build", "no stage would run again"),
    ],
)
def test_a_method_that_cannot_be_imported_is_a_sentence(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "method.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(model, "_METHODS", tmp_path)
    monkeypatch.setattr(spm.methods, "__path__", [*spm.methods.__path__, str(tmp_path)])
    config = ModelConfig(method="mine", seed=0, init_from=None)
    try:
        with pytest.raises(ConfigError, match=f"spm/methods/mine/method.py.*{said}"):
            build_method(config, channels=4, num_frames=2)
    finally:
        for name in [name for name in sys.modules if name.startswith("spm.methods.mine")]:
            del sys.modules[name]
