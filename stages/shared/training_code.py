"""The code that decides what weights training comes to: it is in the name of a checkpoint.

A test compares it with the code deps of the stage `train` in dvc.yaml.
"""

_PLACES = (
    *("stages/train.py", "spm/episodes", "spm/frames", "spm/methods/base.py"),
    *("spm/methods/registry.py", "spm/model", "spm/nn", "spm/training"),
)


def training_code(method: str) -> tuple[str, ...]:
    """Files and folders, as spm.base.source.code_hash takes them."""
    return (*_PLACES, f"spm/methods/{method}")
