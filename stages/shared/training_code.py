"""The code that determines the trained weights. Its hash is part of a checkpoint's name.

A test compares the list with the code deps of the stage `train` in dvc.yaml.
"""

_PLACES = (
    *("stages/train.py", "spm/builtin_clip/model", "spm/episodes"),
    *("spm/features", "spm/frames"),
    *("spm/methods/base.py", "spm/methods/registry.py", "spm/model", "spm/nn", "spm/training"),
)


def training_code(method: str) -> tuple[str, ...]:
    """The files and folders, as arguments of spm.base.source.code_hash."""
    return (*_PLACES, f"spm/methods/{method}")
