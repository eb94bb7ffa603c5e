"""A CLIP that is small enough to build in a test, by the code path of all open_clip's names."""

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest

from spm.model import clip_models

NAME = "tiny-vit"
CONFIG = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


def register(monkeypatch: pytest.MonkeyPatch, folder: Path, models: dict[str, Any]) -> None:
    """Makes `models` (name -> description) models of open_clip, and of its descriptions."""
    known = clip_models._folders()
    for name, description in models.items():
        (folder / f"{name}.json").write_text(json.dumps(description))
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, description)
    monkeypatch.setattr(clip_models, "_folders", lambda: [*known, folder])
