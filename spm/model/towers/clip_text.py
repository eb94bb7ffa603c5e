"""Builds the frozen text towers of open_clip's models, with weights from `backbone.weights`."""

import importlib.util
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.base.state_dicts import State, misfit
from spm.config.backbone import BackboneConfig
from spm.model.clip_models import describe
from spm.model.weights import read_weights, resolve_weights

_TRANSFORMERS = {"hf_model_name", "hf_tokenizer_name"}
"""Keys of `text_cfg`, for which open_clip imports the package."""


def build(config: BackboneConfig) -> nn.Module:
    """The tower: tokens -> [sentences, C].

    Raises ConfigError for unknown names or weights, and for a missing package.
    """
    from spm.builtin_clip.model.registered import open_clip

    _check_packages(config.name)
    with torch.random.fork_rng(devices=[]), _weights_follow(config.weights is not None):
        torch.manual_seed(config.seed)
        model = open_clip.create_model(config.name, pretrained_text=False)
    if config.weights is not None:
        _load_text(model, resolve_weights(config.name, config.weights))
    return _TextOnly(model.eval())


def tokenizer_of(config: BackboneConfig) -> str:
    """The model itself: it has its own tokenizer. Raises ConfigError for a missing package."""
    _check_packages(config.name)
    return config.name


def _check_packages(name: str) -> None:
    """Raises ConfigError for an unknown name, or a text tower of a package that is not there."""
    needed = _TRANSFORMERS & describe(name)["text_cfg"].keys()
    if needed and importlib.util.find_spec("transformers") is None:
        raise ConfigError(
            f"{name} reads texts by the package transformers, which is not installed: `pip install "
            "transformers`, or take another tower, or a method without text"
        )


@contextmanager
def _weights_follow(follow: bool) -> Iterator[None]:
    """Silences open_clip's warning that the model is random, if `_load_text` will fill it."""

    def is_true(record: logging.LogRecord) -> bool:
        return not (follow and record.getMessage().startswith("No pretrained weights loaded"))

    root = logging.getLogger()
    root.addFilter(is_true)
    try:
        yield
    finally:
        root.removeFilter(is_true)


class _TextOnly(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: Tensor) -> Tensor:
        features: Tensor = self.model.encode_text(tokens)  # type: ignore[operator]
        return features


def _load_text(model: nn.Module, path: Path) -> None:
    expected = {name: value.shape for name, value in _without_visual(model.state_dict()).items()}
    made = dict(model.named_buffers()).keys() - expected  # TorchScript keeps the attention mask
    state = _without_visual(read_weights(path))
    state = {name: value for name, value in state.items() if name not in made}
    if said := misfit(state, expected):
        raise ConfigError(f"backbone.weights: {path} does not hold the model's text tower: {said}")
    model.load_state_dict(state, strict=False)


def _without_visual(state: State) -> State:
    return {name: value for name, value in state.items() if not name.startswith("visual.")}
