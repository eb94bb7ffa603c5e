"""Converts the authors' released checkpoints to model folders and back (`clip-spm convert`).

The model folder serves `model.init_from` and `spm.load_model`. The conversion renames tensors and
keeps their values and precision, so the round trip is exact, bit for bit. An extra file in the
folder keeps what our model has no place for: the tensor `scale`, and whether the tower was wrapped
in DataParallel. Only `model_state_dict` is read from the released file, and no code in it runs
(spm.model.torch_file): a TorchScript archive is refused. A prefix of DataParallel or torch.compile
before all names is removed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from spm.base.atomic import atomic_path
from spm.base.errors import ConfigError, DataError
from spm.base.safetensors_file import write_safetensors
from spm.base.state_dicts import State, is_by_name, misnamed, misshapen, unwrapped
from spm.config.backbone import BackboneConfig, kind_of
from spm.methods.clip_spm.config import Config
from spm.methods.clip_spm.released import LAMBDA3_SCALE, SCALE
from spm.methods.registry import released_layout
from spm.model.backbone import WEIGHTS_FILE
from spm.model.calibration import NOT_CALIBRATED, save_calibration
from spm.model.model import build_model
from spm.model.spec import ModelSpec, load_spec, save_spec
from spm.model.torch_file import read_torch_file
from spm.model.weight_facts import models_of
from spm.model.weight_file import form_of
from spm.released.release import released_spec

EXTRAS_FILE = "released.safetensors"
_STATE = "model_state_dict"
_TOWER = "backbone.visual."
_PLAIN, _WRAPPED = "backbone.", "backbone.module."
# Placeholder sizes for the first check: the tensor names do not depend on sizes.
_SIZES: dict[str, Any] = {
    "head_dim": 256,
    "hidden_dim": 2048,
    "gate_visual_ratio": 0.5,
    "gate_prompt_ratio": 1.5,
}


def from_released(
    path: Path,
    folder: Path,
    *,
    backbone: str | None = None,
    heads: int = 8,
    alpha: float = 0.2,
    gate_slope: float = 0.0025,
    num_frames: int = 8,
) -> ModelSpec:
    """Writes the model folder of a released checkpoint; returns the content of its config.json.

    The options are values that tensor shapes do not determine. `backbone=None`: OpenAI's RN50 or
    ViT-B/16, by the tensors. Raises DataError with the number of tensors that are unknown, missing
    or of another shape; ConfigError for an option that is not allowed.
    """
    if backbone is not None and kind_of(backbone) != "open_clip":
        raise ConfigError(f"backbone = {backbone!r}: released checkpoints hold CLIP's")
    state = _read(path)
    wrapped = _WRAPPED if any(key.startswith(_WRAPPED) for key in state) else _PLAIN
    options: dict[str, Any] = {
        "backbone": backbone or _backbone_name(state, wrapped),
        "heads": heads,
        "alpha": alpha,
        "gate_slope": gate_slope,
        "num_frames": num_frames,
    }
    expected = released_spec(**options, **_SIZES)
    _check_is_openais(expected.backbone)
    _check_names(state, _layout(expected, backbone=wrapped), path=path)
    spec = released_spec(**options, **_sizes(state, heads=heads))
    layout = _layout(spec, backbone=wrapped)
    _check_shapes(state, layout, path=path)
    ours = {name: state[theirs] for theirs, (name, _) in layout.items()}
    _save(folder, WEIGHTS_FILE, ours)
    _save(folder, EXTRAS_FILE, {SCALE: state[SCALE]}, backbone=wrapped)
    save_spec(spec, folder)
    save_calibration(NOT_CALIBRATED, folder)
    return spec


def to_released(folder: Path, path: Path) -> None:
    """Writes a model folder as a released checkpoint.

    A model with a fixed λ3 gets the learnable scalar 1, which has the same effect; a model that was
    not converted from a checkpoint gets the unused `scale` 1. The values of config.json are lost:
    the format has no place for them. Raises DataError with the number of parameters that only a
    released model has, or only this one.
    """
    spec = load_spec(folder)
    if spec.backbone.kind != "open_clip":
        raise DataError(
            f"{folder} has the tower {spec.backbone.name!r}: released checkpoints hold CLIP's"
        )
    head = _head(spec, of=folder)
    ours, _ = _load(folder / WEIGHTS_FILE)
    extras, wrapped = {SCALE: torch.ones(1)}, _PLAIN
    if (folder / EXTRAS_FILE).is_file():
        extras, wrapped = _load(folder / EXTRAS_FILE)
    neutral = {LAMBDA3_SCALE: torch.ones(())} | extras
    layout = _layout(spec, backbone=wrapped)
    theirs = {name: released for released, (name, _) in layout.items()}
    state = neutral | {theirs.get(name, name): value for name, value in ours.items()}
    as_released = head.model_copy(
        update={
            "hsmr": True,
            "spm": True,
            "padm": True,
            "fusion": "gate+sum+concat",
            "learn_lambda3": True,
        }
    )
    complete = spec.model_copy(update={"model": as_released})
    _check_names(state, _layout(complete, backbone=wrapped), path=folder)
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        torch.save({_STATE: state}, file)


def summary(spec: ModelSpec) -> str:
    """A line with the values that tensor shapes determined, and the options."""
    model = _head(spec, of="the model")
    return (
        f"{spec.backbone.name}, {model.heads} heads of {model.head_dim}, "
        f"hidden_dim {model.hidden_dim}, gate ratios {model.gate_visual_ratio:g} and "
        f"{model.gate_prompt_ratio:g}, alpha {model.alpha:g}, gate_slope {model.gate_slope:g}"
    )


def _head(spec: ModelSpec, *, of: Path | str) -> Config:
    """The section of CLIP-SPM. Raises DataError where the model `of` is another method's."""
    if not isinstance(spec.model, Config):
        raise DataError(f"{of} is of {spec.model.method}: released checkpoints are CLIP-SPM's")
    return spec.model


def _layout(spec: ModelSpec, *, backbone: str) -> dict[str, tuple[str, torch.Size]]:
    """Released name -> our name and shape, of every tensor of our model."""
    with torch.device("meta"):
        model = build_model(spec, load_backbone_weights=False)
    tower = model.backbone.visual.state_dict().items()
    of_tower = {f"{backbone}{name}": (f"{_TOWER}{name}", value.shape) for name, value in tower}
    return of_tower | released_layout(model.method)


def _check_names(state: State, layout: Mapping[str, Any], *, path: Path) -> None:
    if said := misnamed(state, {SCALE, *layout}):
        raise DataError(f"{path} does not have the parameters of a released CLIP-SPM: {said}")


def _check_shapes(state: State, layout: dict[str, tuple[str, torch.Size]], *, path: Path) -> None:
    shapes = {theirs: shape for theirs, (_, shape) in layout.items()}
    if said := misshapen(state, shapes):
        raise DataError(f"tensors of {path} do not fit together: {said}")


def _sizes(state: State, *, heads: int) -> dict[str, Any]:
    """The sizes that tensor shapes determine. A linear layer's weight is [out, in]."""
    channels = _out_channels(state, "motion_conv1")
    width = _out_channels(state, "context1.layers.0.0.fn.to_q")
    if width % heads:
        raise DataError(f"queries have {width} channels, not a multiple of {heads} heads: --heads")
    return {
        "head_dim": width // heads,
        "hidden_dim": _out_channels(state, "token_tr.mlp.net.0"),
        "gate_visual_ratio": _out_channels(state, "gate_vision.0") / channels,
        "gate_prompt_ratio": _out_channels(state, "gate_text.0") / channels,
    }


def _out_channels(state: State, layer: str) -> int:
    shape = state[f"{layer}.weight"].shape
    if not shape or not shape[0]:
        raise DataError(f"{layer}.weight is {list(shape)}, and no layer's [out, in]")
    return shape[0]


def _backbone_name(state: State, wrapped: str) -> str:
    resnet = f"{wrapped}attnpool.positional_embedding" in state
    return "RN50-quickgelu" if resnet else "ViT-B-16-quickgelu"


def _check_is_openais(backbone: BackboneConfig) -> None:
    """Raises ConfigError for a GELU backbone: the released towers come from OpenAI's weights, which
    need QuickGELU."""
    from spm.builtin_clip.model.registered import open_clip

    if backbone.weights not in open_clip.pretrained.list_pretrained_tags_by_model(backbone.name):
        return
    right = models_of(backbone)
    if right and backbone.name not in right:
        raise ConfigError(
            f"--backbone {backbone.name} has GELU, and the towers of released checkpoints "
            f"QuickGELU, as OpenAI's: --backbone {' or '.join(right)}"
        )


def _read(path: Path) -> State:
    content = read_torch_file(path) if form_of(path) != "safetensors" else None
    state = content.get(_STATE) if isinstance(content, dict) else None
    if not is_by_name(state) or not state or not all(map(torch.is_tensor, state.values())):
        raise DataError(f"{path} has no {_STATE!r} with tensors by name; {_held(content)}")
    return unwrapped(state)


def _held(content: Any) -> str:
    if not isinstance(content, dict):
        return "it is no torch file" if content is None else f"it is a {type(content).__name__}"
    names = [str(name) for name in content]
    more = f", and {len(names) - 5} more" if len(names) > 5 else ""
    return f"it has: {', '.join(names[:5])}{more}"


def _save(folder: Path, file: str, tensors: State, **metadata: str) -> None:
    # Copies, since tensors of a torch file may share memory, and safetensors refuses shared memory.
    copies = {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }
    with atomic_path(folder / file) as path:
        write_safetensors(copies, path, metadata=metadata or None)


def _load(path: Path) -> tuple[State, str]:
    """The tensors of a safetensors file, and its metadata: the tower's prefix in the release."""
    if not path.is_file():
        raise DataError(f"{path.parent} is not a model folder: it has no {path.name}")
    form_of(path)
    try:
        with safe_open(path, framework="pt") as file:
            names: list[str] = file.keys()
            metadata = file.metadata() or {}
            return {name: file.get_tensor(name) for name in names}, metadata.get("backbone", "")
    except SafetensorError as error:
        raise DataError(f"{path} is damaged: {error}") from None
