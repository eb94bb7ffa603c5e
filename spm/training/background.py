"""Makes the background of a trained model: clips by which "none of these" is told.

Of each training class the first clip by number, and of the validation split as many clips of each
class as fit in 64 MB with them: vectors of any benchmark fit whole, maps of a CLIP tower do not.
"""

import numpy as np
import torch

from spm.episodes.evaluation import Ints, encode_clips
from spm.episodes.ranks import Ranks
from spm.features.store import ClipStore
from spm.model.background import Background
from spm.model.model import FewShotModel
from spm.model.prompts import PromptFeatures

_MOST_BYTES = 64e6
_MOST_CLASSES = 100
"""Of training classes: more say no more, and each costs time at every answer."""


def make_background(
    model: FewShotModel, store: ClipStore, texts: PromptFeatures, *, ranks: Ranks
) -> Background | None:
    """The background of `model`, which is put in eval mode; None for a data set without validation
    clips, or fewer than two training classes. All ranks encode clips."""
    model.eval()
    training, validation = store.classes("train"), store.classes("val")
    names = sorted(name for name, clips in training.items() if len(clips))
    held = sorted(name for name, clips in validation.items() if len(clips))
    if len(names) < 2 or not held:
        return None
    names = [names[number] for number in _spread(len(names), _MOST_CLASSES)]
    clips = np.array([training[name].min() for name in names])
    most = _most_of_a_class(model, classes=len(held), taken=len(clips))
    of_classes = [np.sort(validation[name])[:most] for name in held]
    encoded = encode_clips(
        model, store, clips=np.concatenate([clips, *of_classes]), ranks=ranks, progress=False
    )
    how = model.config.prompts.text_ensemble
    return Background.of(
        encoded.features[encoded.rows(clips)],
        texts.of(names, how=how, control="none"),
        validation=encoded.features[encoded.rows(np.concatenate(of_classes))],
        labels=torch.arange(len(held)).repeat_interleave(
            torch.tensor([len(each) for each in of_classes])
        ),
        validation_texts=texts.of(held, how=how, control="none"),
    )


def _most_of_a_class(model: FewShotModel, *, classes: int, taken: int) -> int:
    """The clips of a validation class that fit, at least two."""
    size = 2 * model.config.frames.num_segments * int(np.prod(model.feature_shape))
    return max(2, int(_MOST_BYTES / size - taken) // classes)


def _spread(count: int, most: int) -> Ints:
    """At most `most` of 0..count-1, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
