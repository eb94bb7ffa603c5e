"""Finds and reads pretrained weights: by a tag of open_clip, from a file, or from the package."""

from pathlib import Path
from typing import Any

import torch

from spm.base.errors import ConfigError, DataError
from spm.base.state_dicts import State, is_by_name, unwrapped
from spm.model.hub import Published, fetch, on_hub
from spm.model.local_weights import local_file, local_tags
from spm.model.torch_file import read_torch_file
from spm.model.weight_file import FETCH, form_of

OPENAI_EXTRAS = ("input_resolution", "context_length", "vocab_size")
"""Tensors that only OpenAI's own files hold beside the weights."""
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
"""The files of a repository of the hub that open_clip takes weights from, the first that exists."""
_WITHIN = ("state_dict", "model_state_dict", "model")
"""Keys under which training checkpoints hold the weights."""


def resolve_weights(name: str, weights: str) -> Path:
    """The file that `backbone.weights` names; open_clip downloads the file of a tag.

    Raises ConfigError if `weights` is neither a file nor a tag of model `name`, or if the download
    fails; the error then says where to put the file.
    """
    if path := local_file(name, weights):
        return path
    from spm.builtin_clip.model.registered import open_clip

    check_tag(name, weights)
    about = open_clip.get_pretrained_cfg(name, weights)
    return fetch(
        lambda: Path(open_clip.download_pretrained(about)),
        name=name,
        weights=weights,
        published=_published(about),
        stem=f"{name}-{weights}",
    )


def check_tag(name: str, weights: str) -> None:
    """Raises ConfigError unless `weights` is a tag of open_clip's model `name`; lists the tags."""
    tags = tags_of(name)
    if weights not in tags:
        raise ConfigError(
            f"backbone.weights = {weights!r} is neither a file nor a pretrained tag of {name}; "
            f"tags: {', '.join(tags) or 'none'}"
        )


def tags_of(name: str) -> list[str]:
    """The tags of pretrained weights of model `name`, those in the package first."""
    from spm.builtin_clip.model.registered import open_clip

    tags: list[str] = open_clip.pretrained.list_pretrained_tags_by_model(name)
    return local_tags(name) + tags


def read_weights(path: Path) -> State:
    """The weights by name, from a safetensors file, a torch file or a TorchScript archive.

    A torch file may be a training checkpoint that holds other objects too (spm.model.torch_file).
    Raises ConfigError for a file that is damaged or holds no weights.
    """
    state = read_state(path)
    return unwrapped({key: value for key, value in state.items() if key not in OPENAI_EXTRAS})


def read_state(path: Path) -> State:
    """As `read_weights`, but with OPENAI_EXTRAS, and with the file's own names (prefixes kept)."""
    try:
        content = _read(path)
    except DataError as error:
        raise ConfigError(f"backbone.weights: {error}") from None
    found = [content[key] for key in _WITHIN if isinstance(content, dict) and key in content]
    state = found[0] if found else content
    if not is_by_name(state):
        raise ConfigError(
            f"backbone.weights: {path} holds no weights by name, but a {type(state).__name__}: "
            "save model.state_dict()"
        )
    tensors = {key: value for key, value in state.items() if torch.is_tensor(value)}
    if not tensors:
        names = ", ".join(list(state)[:5]) or "nothing"
        raise ConfigError(f"backbone.weights: {path} holds no weights by name, but {names}")
    return tensors


def _published(about: dict[str, Any]) -> Published:
    """What open_clip downloads of a tag; it prefers the hub to the tag's own address."""
    if not about.get("hf_hub"):
        address, _, file = about["url"].rpartition("/")
        return Published(address, (file,))
    repository, _, file = about["hf_hub"].rpartition("/")
    return on_hub(repository, *((file,) if file else HUB_FILES))


def _read(path: Path) -> Any:
    if form_of(path) != "safetensors":
        return read_torch_file(path, torchscript=True)
    return read_safetensors(path)


def read_safetensors(path: Path, *, again: str = FETCH) -> State:
    """Reads a safetensors file. again: what to do about a damaged one.

    Raises DataError for another format, or a damaged file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if form_of(path, again=again) != "safetensors":
        raise DataError(f"{path} is damaged: it is a torch file, and no safetensors; {again}")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path} is damaged or cut short ({error}): {again}") from None
