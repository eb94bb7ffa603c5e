"""Measures a trained model with other class texts than its own, on clips that are encoded already.

Shapes: `E` episodes, `N` classes, `Q` queries, `C` channels.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from spm.config.prompts import CONTROLS, TextControl
from spm.episodes.clips_on_demand import ClipsOnDemand, prepare
from spm.episodes.evaluation import EncodedClips, Ints, measure
from spm.episodes.ranks import ALONE, Ranks
from spm.episodes.sampler import EpisodeSampler
from spm.model.model import FewShotModel
from spm.model.text_controls import controlled


def measure_controls(
    model: FewShotModel,
    encoded: EncodedClips | ClipsOnDemand,
    *,
    classes: Mapping[str, Ints],
    class_text: Tensor,
    samplers: Sequence[EpisodeSampler],
    episodes: int,
    batch: int,
    ranks: Ranks = ALONE,
) -> dict[int, dict[TextControl, Ints]]:
    """Shot -> control -> predicted classes [E, Q] of the first `episodes` episodes.

    classes: name -> clip numbers; class_text [N, C], the true texts of `classes` in the order of
    their names. `encoded` is not prepared, since what is prepared depends on the texts.
    """
    predicted: dict[int, dict[TextControl, Ints]] = {sampler.shot: {} for sampler in samplers}
    for control in CONTROLS:
        texts = controlled(class_text, control)
        prepared = prepare(model, encoded, classes=classes, class_text=texts)
        for sampler in samplers:
            measured = measure(
                {control: model.method.classify},
                encoded=prepared,
                sampler=sampler,
                class_text=texts,
                episodes=episodes,
                batch=batch,
                ranks=ranks,
            )
            predicted[sampler.shot][control] = measured.predicted[control]
    return predicted
