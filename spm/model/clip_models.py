"""Reads the descriptions of open_clip's models, and of our own, without importing open_clip (5 s).

`inventory` can so refuse an unknown name or crop size before the first clip is decoded.
"""

import difflib
import importlib.util
import json
from pathlib import Path
from typing import Any

from spm.base.errors import ConfigError
from spm.builtin_clip.model import files
from spm.config.backbone import TIMM, BackboneConfig


def describe(name: str) -> dict[str, Any]:
    """embed_dim, vision_cfg, text_cfg, … of model `name`.

    Raises ConfigError for an unknown name; the error lists similar names.
    """
    names = _files()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=3)
        raise ConfigError(
            f"backbone.name: {name!r} is neither {files.NAME!r} nor a model of open_clip, nor "
            f"does it begin with {TIMM!r}; near it: {', '.join(close) or 'none'} "
            "(open_clip.list_models() has all)"
        )
    return _read(names[name])


def all_descriptions() -> list[tuple[str, dict[str, Any]]]:
    """(name, description) of every model, sorted by name."""
    return [(name, _read(path)) for name, path in sorted(_files().items())]


def _read(path: Path) -> dict[str, Any]:
    description: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return description


def _files() -> dict[str, Path]:
    return {path.stem: path for folder in _folders() for path in folder.glob("*.json")}


def image_size(config: BackboneConfig) -> int:
    """Side of the model's frames in pixels. Raises ConfigError if the config states another one."""
    own = int(describe(config.name)["vision_cfg"]["image_size"])
    if config.image_size not in (None, own):
        raise ConfigError(
            f"backbone.image_size = {config.image_size}: {config.name} takes {own} (or null)"
        )
    return own


def num_blocks(config: BackboneConfig) -> int | None:
    """The number of blocks of the visual tower; None for a tower that open_clip takes from timm."""
    vision = describe(config.name)["vision_cfg"]
    if "timm_model_name" in vision:
        return None
    layers = vision["layers"]
    return layers if isinstance(layers, int) else len(layers)


def _folders() -> list[Path]:
    found = importlib.util.find_spec("open_clip")
    assert found is not None
    assert found.origin is not None
    return [Path(found.origin).parent / "model_configs", files.FOLDER]
