"""Compares how CLIP weights were trained with what a model of open_clip computes.

Tensor shapes tell neither the activation (GELU or QuickGELU) nor the normalisation of pixels. With
the wrong one a model runs without an error, to a lower accuracy. The facts that are known depend on
the source of the weights:

    a tag of open_clip                      activation, normalisation, sizes
    a file that a tag publishes             the same: OpenAI's and others are known by their SHA-256
    open_clip_config.json beside the file   the same, of a folder fetched from the hub
    TorchScript, as OpenAI releases         activation, by the archive's code; sizes
    OpenAI's names beside the weights       QuickGELU, as all of OpenAI's; sizes
    any other state dict                    nothing. A file that was saved again from OpenAI's
                                            weights cannot be told from one of a GELU model

The resizing of frames before the crop follows the paper's protocol (`frames`), not the weights.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spm.base.errors import ConfigError
from spm.base.hashing import file_hash
from spm.base.state_dicts import State
from spm.config.backbone import BackboneConfig
from spm.model.clip_models import all_descriptions, describe
from spm.model.local_weights import local_file
from spm.model.torch_file import torchscript_code
from spm.model.weights import HUB_FILES, OPENAI_EXTRAS, check_tag, read_state

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
Normalisation = tuple[tuple[float, ...], tuple[float, ...]]

_HUB_CONFIG = "open_clip_config.json"


@dataclass(frozen=True)
class Facts:
    """Facts about weights, or about a model. None: not known."""

    quick_gelu: bool | None = None
    image_size: int | None = None
    context_length: int | None = None
    normalisation: Normalisation | None = None
    """Mean and standard deviation of pixels in 0…1, by channel."""


def check_weights(backbone: BackboneConfig) -> None:
    """Raises ConfigError if the weights are known to belong to another model than `backbone.name`.

    The error names the right model. Downloads nothing.
    """
    if backbone.weights is None:
        return
    known, own = _facts(backbone), _of_description(describe(backbone.name))
    wanted = _names(describe(backbone.name), known)
    # If no model has the facts of a tag, the tag is right: open_clip's list omits its QuickGELU.
    if (said := _say(known, own)) and (wanted or local_file(backbone.name, backbone.weights)):
        raise ConfigError(
            f"backbone.weights = {backbone.weights!r} is of a model with {said}; "
            f"backbone.name = {backbone.name!r} has {_say(own, known)}: "
            + (f"set backbone.name: {' or '.join(wanted)}" if wanted else "take other weights")
        )
    _check_normalisation(backbone, known)


def models_of(backbone: BackboneConfig) -> list[str]:
    """Names of open_clip's models like `backbone.name` that agree with the known facts."""
    return _names(describe(backbone.name), _facts(backbone))


def doubt(backbone: BackboneConfig) -> str:
    """A warning if the file does not tell the activation, but it probably is QuickGELU; else ""."""
    path = None if backbone.weights is None else local_file(backbone.name, backbone.weights)
    if path is None:
        return ""
    known = _facts(backbone)
    others = _names(describe(backbone.name), replace(known, quick_gelu=True))
    if known.quick_gelu is not None or backbone.name in others or not others:
        return ""
    if not (_all_published_are_quick(backbone.name) or _is_half(read_state(path))):
        return ""
    return (
        f"nothing in {backbone.weights} tells whether it was trained with QuickGELU, as OpenAI's "
        f"weights were, and {backbone.name} computes GELU: if it was, set backbone.name: "
        f"{' or '.join(others)}"
    )


def _facts(backbone: BackboneConfig) -> Facts:
    assert backbone.weights is not None
    path = local_file(backbone.name, backbone.weights)
    if path is None:
        check_tag(backbone.name, backbone.weights)
        return _of_tag(backbone.name, backbone.weights)
    return _published(path) or _of_hub_config(path) or _of_content(path)


def _of_tag(name: str, tag: str) -> Facts:
    from spm.builtin_clip.model.registered import open_clip

    about = open_clip.get_pretrained_cfg(name, tag)
    return replace(
        _of_description(describe(name)),
        quick_gelu=about.get("quick_gelu", False),
        normalisation=_normalisation(about),
    )


def _published(path: Path) -> Facts | None:
    """The facts of a published file, found by SHA-256: open_clip's URLs hold it or its start."""
    from spm.builtin_clip.model.registered import open_clip

    digest = file_hash(path)
    for name, tag in open_clip.list_pretrained():
        url = open_clip.get_pretrained_cfg(name, tag).get("url", "")
        if f"/{digest}/" in url or f"-{digest[:8]}." in url:
            return _of_tag(name, tag)
    return None


def _of_hub_config(path: Path) -> Facts | None:
    config = path.with_name(_HUB_CONFIG)
    if path.name not in HUB_FILES or not config.is_file():
        return None
    try:
        about = json.loads(config.read_text(encoding="utf-8"))
        facts = _of_description(about["model_cfg"])
        return replace(facts, normalisation=_normalisation(about["preprocess_cfg"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{config} does not describe a model of open_clip ({error!r}): fetch it again, or "
            "remove it where it does not belong to the weights beside it"
        ) from None


def _of_content(path: Path) -> Facts:
    state, code = read_state(path), torchscript_code(path)
    sizes = {name: _number(state[name]) for name in OPENAI_EXTRAS if name in state}
    is_openais = None not in map(sizes.get, OPENAI_EXTRAS)
    quick = True if "QuickGELU" in code or is_openais else False if "gelu(" in code else None
    if not is_openais:
        return Facts(quick_gelu=quick)
    return Facts(
        quick_gelu=quick,
        image_size=sizes["input_resolution"],
        context_length=sizes["context_length"],
        normalisation=(CLIP_MEAN, CLIP_STD),
    )


def _number(value: Tensor) -> int | None:
    """The only element of `value` as a number; None if it has several, or is not a size."""
    is_one = value.numel() == 1 and value.layout == torch.strided and not value.is_complex()
    return int(value) if is_one and 1 <= value.item() < math.inf else None


def _of_description(description: dict[str, Any]) -> Facts:
    """The facts in a model description of open_clip; missing keys have open_clip's defaults."""
    return Facts(
        quick_gelu=description.get("quick_gelu", False),
        image_size=description["vision_cfg"].get("image_size", 224),
        context_length=description["text_cfg"].get("context_length", 77),
    )


def _normalisation(about: dict[str, Any]) -> Normalisation:
    return tuple(about["mean"]), tuple(about["std"])


def _names(description: dict[str, Any], known: Facts) -> list[str]:
    """Names of the models that agree with `known`, and otherwise with `description`."""
    own = _of_description(description)
    wanted = Facts(
        quick_gelu=own.quick_gelu if known.quick_gelu is None else known.quick_gelu,
        image_size=known.image_size or own.image_size,
        context_length=known.context_length or own.context_length,
    )
    return [
        name
        for name, each in all_descriptions()
        if _of_description(each) == wanted and _rest(each) == _rest(description)
    ]


def _rest(description: dict[str, Any]) -> dict[str, Any]:
    """The description without the keys that `Facts` holds."""
    rest = {key: value for key, value in description.items() if key != "quick_gelu"}
    for section, key in (("vision_cfg", "image_size"), ("text_cfg", "context_length")):
        rest[section] = {name: value for name, value in rest[section].items() if name != key}
    return rest


def _say(facts: Facts, other: Facts) -> str:
    """The values of `facts` that differ from `other`, in words."""
    return " and ".join(_differences(facts, other))


def _differences(facts: Facts, other: Facts) -> Iterator[str]:
    def differ(key: str) -> bool:
        pair = getattr(facts, key), getattr(other, key)
        return None not in pair and pair[0] != pair[1]

    if differ("quick_gelu"):
        yield "QuickGELU" if facts.quick_gelu else "GELU"
    if differ("image_size"):
        yield f"images of {facts.image_size}×{facts.image_size}"
    if differ("context_length"):
        yield f"a context of {facts.context_length} tokens"


def _check_normalisation(backbone: BackboneConfig, known: Facts) -> None:
    """Raises ConfigError for another normalisation; not for `normalize: false`, as released."""
    if not backbone.normalize or known.normalisation in (None, (CLIP_MEAN, CLIP_STD)):
        return
    assert known.normalisation is not None
    mean, std = (", ".join(f"{value:g}" for value in values) for values in known.normalisation)
    plain = known.normalisation == ((0.0,) * 3, (1.0,) * 3)
    remedy = (
        "set backbone.normalize: false, as they were trained"
        if plain
        else "take weights that were trained with CLIP's (normalize: false leaves pixels at 0…1)"
    )
    raise ConfigError(
        f"backbone.weights = {backbone.weights!r} was trained on pixels less the mean {mean} and "
        f"over the deviation {std}, and backbone.normalize: true takes CLIP's: {remedy}"
    )


def _all_published_are_quick(name: str) -> bool:
    from spm.builtin_clip.model.registered import open_clip

    tags = open_clip.pretrained.list_pretrained_tags_by_model(name)
    return bool(tags) and all(_of_tag(name, tag).quick_gelu for tag in tags)


def _is_half(state: State) -> bool:
    """Whether layers are float16 and norms float32, as OpenAI's package saves on a GPU."""
    types = {name.rpartition(".")[0]: value.dtype for name, value in state.items()}
    norms = {value for name, value in types.items() if name.rpartition(".")[2].startswith("ln_")}
    return norms == {torch.float32} and torch.float16 in types.values()
