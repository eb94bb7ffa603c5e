"""CLIPs that are small enough to build in a test, by the code path of all open_clip's names.

`tiny-conv`, the layers of builtin-clip at 32 pixels with C = 16, is a model wherever this module is
imported; a test registers others.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from spm.builtin_clip.model.registered import open_clip
from spm.model import clip_models
from tests.import_closure import ROOT

CONV = "tiny-conv"

NAME = "tiny-vit"
CONFIG = {
    "embed_dim": 24,
    "quick_gelu": True,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}


_FOLDER = ROOT / "tests/fixtures/open_clip"
_FOLDERS = [*clip_models._folders(), _FOLDER]
clip_models._folders = lambda: _FOLDERS
open_clip.add_model_config(_FOLDER)


def register(monkeypatch: pytest.MonkeyPatch, folder: Path, models: dict[str, Any]) -> None:
    """Makes `models` (name -> description) models of open_clip, and of its descriptions."""
    known = clip_models._folders()
    for name, description in models.items():
        (folder / f"{name}.json").write_text(json.dumps(description))
        monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, name, description)
    monkeypatch.setattr(clip_models, "_folders", lambda: [*known, folder])
