"""CLIP-SPM: few-shot action recognition with CLIP.

    model = spm.load_model("data/model")
    pixels = spm.read_clip("clip.mp4", model=model)                     # [T, H, W, 3] uint8
    features = model.encode_video(pixels)                               # [..., T, C]
    class_text = spm.encode_classes(["pouring tea", ...], model=model)  # [N, C]
    logits = model.classify_each(support, labels, query, class_text)    # [Q, N]
    probabilities = model.probabilities(logits, transductive=False)

    model = spm.model_from_tower("builtin-clip", method="otam")         # nothing is trained
    answers = spm.classify_clips(["clip.mp4"], model=model, support="examples")

    recognizer = spm.Recognizer.enroll("data/model", "examples")        # what one takes home
    recognizer.save("kitchen")
    answers = spm.load_recognizer("kitchen").recognize(["clip.mp4"])
    why = spm.load_recognizer("kitchen").explain("clip.mp4")            # where it looked
    found = spm.find_segments(spm.load_recognizer("kitchen"), "evening.mp4")

    head = spm.methods.build("otam", channels=512, num_frames=8)        # a method, without a tower

The names above are imported on first use, so that importing `spm.video.reading` imports no model.
Type checkers and editors find the names in __init__.pyi.
"""

import importlib
from typing import Any

from spm.base.missing_packages import explain_missing_packages

__all__ = [
    "Answer",
    "Explanation",
    "FewShotModel",
    "Recognizer",
    "classify_clips",
    "encode_classes",
    "find_segments",
    "load_model",
    "load_recognizer",
    "methods",
    "model_from_tower",
    "read_clip",
    "save_model",
]

_HOME = {
    "Answer": "spm.recognition.recognizer",
    "Explanation": "spm.recognition.explained",
    "FewShotModel": "spm.model.model",
    "Recognizer": "spm.recognition.recognizer",
    "classify_clips": "spm.recognition.by_examples",
    "encode_classes": "spm.recognition.inputs",
    "find_segments": "spm.finding.find",
    "load_model": "spm.model.model",
    "load_recognizer": "spm.recognition.recognizer_folder",
    "methods": "spm.methods",
    "model_from_tower": "spm.recognition.from_tower",
    "read_clip": "spm.recognition.inputs",
    "save_model": "spm.model.model",
}


explain_missing_packages()


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'spm' has no attribute {name!r}")
    home = importlib.import_module(_HOME[name])
    return home if home.__name__ == f"spm.{name}" else getattr(home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
