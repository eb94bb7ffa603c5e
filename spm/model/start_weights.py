"""Fills a new model from the folder `model.init_from`. Its heads for training alone may differ.

folder: HyRSM, 64 training classes      here: class_weight 0   classifier.* is left out
folder: MoLo, reconstruction_weight 0   here: 0.1              decoder.* starts anew
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from torch import Size, Tensor

from spm.model.model import FewShotModel, fill, saved, stored


def start_from(model: FewShotModel, folder: Path) -> list[str]:
    """Fills `model`, but for the `training_heads` of its method that differ from the folder's.

    Such a head keeps the weights that `model` has. Returns a line for each. Raises DataError as
    `load_weights` for every other tensor.
    """
    state, own, said = dict(saved(folder)), stored(model), []
    for head in type(model.method).training_heads:
        theirs, ours = _shapes(state, head), _shapes(own, head)
        if theirs != ours:
            said.append(_difference(head, theirs, ours))
            kept = {name: value for name, value in state.items() if name not in theirs}
            state = kept | {name: own[name] for name in ours}
    fill(model, state, folder=folder)
    return said


def _shapes(tensors: Mapping[str, Tensor], head: str) -> dict[str, Size]:
    return {name: value.shape for name, value in tensors.items() if fnmatchcase(name, head)}


def _difference(head: str, theirs: Mapping[str, Size], ours: Mapping[str, Size]) -> str:
    if not ours:
        return f"the training head {head} is left out, since the model here has none"
    why = "has one of other sizes" if theirs else "has none"
    return f"the training head {head} starts anew, since the folder {why}"
