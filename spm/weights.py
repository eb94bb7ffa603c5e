"""Pretrained CLIP weights: from a tag of open_clip or from a file."""

import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spm.errors import ConfigError

_OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")


def resolve_weights(name: str, weights: str) -> Path:
    """The file behind `backbone.weights`, fetched through open_clip where it is a tag.

    Raises ConfigError where there is neither a file nor a tag of that name, or where a tag cannot
    be fetched, with the place to put the file.
    """
    if Path(weights).is_file():
        return Path(weights)
    import open_clip

    tags = open_clip.pretrained.list_pretrained_tags_by_model(name)
    if weights not in tags:
        raise ConfigError(
            f"backbone.weights = {weights!r} is neither a file nor a pretrained tag of {name}; "
            f"tags: {', '.join(tags) or 'none'}"
        )
    try:
        return Path(open_clip.download_pretrained(open_clip.get_pretrained_cfg(name, weights)))
    except Exception as error:  # the hub's client raises many kinds when there is no network
        raise ConfigError(
            f"the weights {weights!r} of {name} cannot be fetched here "
            f"({type(error).__name__}). Without a network: fetch the checkpoint elsewhere, put it "
            f"for example at models/{name}-{weights}.pt, and set backbone.weights to that path"
        ) from error


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in a safetensors file, a torch file or OpenAI's TorchScript archive.

    Raises ConfigError for a file that is damaged or holds anything else.
    """
    try:
        content = _load(path)
    except Exception as error:  # whatever unpickling a foreign file raises
        raise ConfigError(f"{path} is damaged or holds no weights: {error}") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not all(isinstance(key, str) for key in state):
        raise ConfigError(f"{path} holds no weights by name, but a {type(state).__name__}")
    return {
        key.removeprefix("module."): value
        for key, value in state.items()
        if key not in _OPENAI_EXTRAS
    }


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if _is_torchscript(path):
        return torch.jit.load(path, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
    return torch.load(path, map_location="cpu", weights_only=True)


def _is_torchscript(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any("/code/" in name for name in archive.namelist())
