"""Loads pretrained weights into timm's towers: `pretrained` (the weights of the tag), or a file.

The weights pass through timm's own filter for the model, which renames tensors of other releases
and resizes position embeddings. The classifier's tensors are left out. All others must fit.
"""

import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from spm.base.errors import ConfigError
from spm.base.state_dicts import State, misfit
from spm.config.backbone import BackboneConfig
from spm.model.hub import fetch, on_hub
from spm.model.towers.timm_models import describe, model_of
from spm.model.weights import read_weights

PRETRAINED = "pretrained"
_HUB_FILES = ("model.safetensors", "pytorch_model.bin")
_COUNTER = "num_batches_tracked"
"""BatchNorm's counter of batches: files of old torch lack it, and no forward pass reads it."""


def check(config: BackboneConfig) -> None:
    """Raises ConfigError if the file does not exist, or the tag has no weights on the hub."""
    assert config.weights is not None
    if Path(config.weights).is_file():
        return
    if config.weights != PRETRAINED:
        raise ConfigError(
            f"backbone.weights = {config.weights!r} is neither a file nor {PRETRAINED!r}, which "
            f"fetches what the tag in {config.name} names"
        )
    about = describe(config.name)
    if not about.hf_hub_id:
        raise ConfigError(
            f"backbone.weights = {PRETRAINED!r}: {config.name} has none on the hub: "
            + (f"fetch {about.url}, and give that file" if about.url else "give a file, or null")
        )


def doubt(config: BackboneConfig) -> str:
    """Always "": `backbone.name` determines activation and normalisation."""
    return ""


def default(config: BackboneConfig) -> str:
    """`pretrained`. Raises ConfigError for a name without a tag, which lists the tags."""
    describe(config.name)
    return PRETRAINED


def load(visual: nn.Module, config: BackboneConfig) -> None:
    """Fills `visual`. Raises ConfigError that lists the tensors that do not fit."""
    check(config)
    path = _resolve(config)
    about, expected = describe(config.name), visual.state_dict()
    state = _without_classifier(_filtered(read_weights(path), visual), about.classifier, expected)
    counters = {name: value for name, value in expected.items() if name.endswith(_COUNTER)}
    state = counters | state
    if said := misfit(state, {name: value.shape for name, value in expected.items()}):
        raise ConfigError(f"backbone.weights: {path} does not hold {config.name}: {said}")
    visual.load_state_dict(state)


def _resolve(config: BackboneConfig) -> Path:
    """The file that `backbone.weights` names, downloaded if need be.

    Raises ConfigError if the download fails; the error says where to put the file.
    """
    assert config.weights is not None
    if Path(config.weights).is_file():
        return Path(config.weights)
    about = describe(config.name)
    repository, _, _ = about.hf_hub_id.partition("@")
    names = (about.hf_hub_filename,) if about.hf_hub_filename else _HUB_FILES
    return fetch(
        partial(_fetched, about),
        name=config.name,
        weights=PRETRAINED,
        published=on_hub(repository, *names),
        stem=model_of(config.name),
    )


def _fetched(about: Any) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    repository, _, revision = about.hf_hub_id.partition("@")
    ask = partial(hf_hub_download, repository, revision=revision or None)
    if about.hf_hub_filename:
        return Path(ask(about.hf_hub_filename))
    newer, older = _HUB_FILES
    with suppress(EntryNotFoundError):  # an old repository has no safetensors
        return Path(ask(newer))
    return Path(ask(older))


def _filtered(state: State, visual: nn.Module) -> State:
    """`state` after timm's own filter; unchanged if the filter fails on it."""
    module = sys.modules[type(visual).__module__]
    filter_fn = getattr(module, "checkpoint_filter_fn", None)
    if filter_fn is None:
        return state
    try:
        filtered: State = filter_fn(dict(state), visual)
    except Exception:  # timm's filter fails on a file of another model; `load` reports the misfit
        return state
    return filtered


def _without_classifier(state: State, classifier: Any, expected: State) -> State:
    names = (classifier,) if isinstance(classifier, str) else classifier or ()
    starts = tuple(f"{name}." for name in names)
    return {
        name: value
        for name, value in state.items()
        if name in expected or not name.startswith(starts)
    }
