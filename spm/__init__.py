"""CLIP-SPM: few-shot action recognition with CLIP.

    model = spm.load_model("data/model")
    features = model.encode_video(pixels)                # [..., T, H, W, 3] uint8 -> [..., T, C]
    logits = model.classify(support, labels, query, class_text)

Names are resolved on first use, so that importing `spm.video` does not import the model.
"""

import importlib
from typing import Any

from spm.missing_packages import explain_missing_packages

_HOME = {"ClipSPM": "spm.model", "load_model": "spm.model", "save_model": "spm.model"}

__all__ = ["ClipSPM", "load_model", "save_model"]


explain_missing_packages()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'spm' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
