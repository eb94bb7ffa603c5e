"""Controls: texts that say nothing, or the wrong thing, in the place of the classes' true texts.

    none       every class has its own text
    zero       every class has the vector of zeros
    mean       every class has the mean of all classes' texts
    permuted   every class has the text of another class

The accuracy with true texts minus that with a control says what the texts are worth. A method's
other parts (gates, attention over time) work under a control as well, so that the difference is
not theirs. Shapes: `N` classes, `C` channels.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from spm.config.prompts import TextControl

_SEED = 0


def controlled(texts: Tensor, control: TextControl) -> Tensor:
    """texts [N, C] of a set of classes, in the order of their names -> [N, C] under `control`.

    Raises ValueError for `permuted` with fewer than 2 classes: there is no other class's text.
    """
    if control == "zero":
        return torch.zeros_like(texts)
    if control == "mean":
        return texts.mean(dim=0, keepdim=True).expand_as(texts).clone()
    if control == "permuted":
        return texts[torch.from_numpy(_others(len(texts)))]
    return texts


def _others(num_classes: int) -> NDArray[np.int64]:
    """[N] another class for each class: all classes in one cycle, whose order is drawn once.

    In a drawn order, since neighbours by name often have similar texts.
    """
    if num_classes < 2:
        raise ValueError(
            f"control = 'permuted' needs 2 classes or more to exchange texts, got {num_classes}"
        )
    cycle = np.random.default_rng(_SEED).permutation(num_classes)
    others = np.empty(num_classes, dtype=np.int64)
    others[cycle] = np.roll(cycle, -1)
    return others
