"""The head over many episodes of the same clips: what no episode changes is computed once a clip.

A support is modulated by its own class's text, whatever else is in the episode, and a frame's
visual gate depends on the frame alone. Of a query only PG and the Transformers are left to do, of a
support PADM's. The logits are those of `ClipSPM.classify`, to rounding.

Shapes: `B` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from spm.methods.clip_spm.modulation import Modulated
from spm.model.model import ClipSPM
from spm.nn.prototypes import texts_of

_CLIPS_AT_ONCE = 64


@dataclass(frozen=True)
class PreparedClips:
    """Clips, each with what the head makes of it by itself: [clips, T, C] each."""

    features: Tensor
    as_support: Tensor
    """f^SPM of the clip as a support of its class."""
    gated: Tensor
    """Ψ_v(f) ⊙ f, of the clip as a query."""


def prepare(model: ClipSPM, features: Tensor, texts: Tensor) -> PreparedClips:
    """features [clips, T, C], texts [clips, C]: the text of each clip's class."""
    if not model.config.model.spm:
        return PreparedClips(features, features, features)
    parts = zip(*(torch.split(each, _CLIPS_AT_ONCE) for each in (features, texts)), strict=True)
    made = [_prepare(model, part, text[:, None]) for part, text in parts]
    gated, as_support = (torch.cat(tables) for tables in zip(*made, strict=True))
    return PreparedClips(features, as_support, gated)


def classify_prepared(
    model: ClipSPM,
    clips: PreparedClips,
    support: Tensor,
    support_labels: Tensor,
    query: Tensor,
    class_text: Tensor,
    *,
    alone: bool = False,
) -> Tensor:
    """Logits [B, Q, N] as `ClipSPM.classify` gives them; `alone`: as `ClipSPM.classify_each` does.

    support [B, S], query [B, Q]: rows of `clips`; support_labels [B, S]; class_text [B, N, C].
    """
    queries, nothing = clips.features[query], clips.features.new_zeros(0)
    if model.config.model.spm:
        prompts = model.spm.generator(texts_of(class_text, support_labels), queries)
        _, queries = model.fusion.fuse(prompts, clips.gated[query])
    modulated = Modulated(clips.as_support[support], queries, nothing, nothing)
    logits = model.logits_of_each if alone else model.logits
    return logits(modulated, support_labels, class_text.shape[-2])


def _prepare(model: ClipSPM, features: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    gated = model.fusion.gated(features)
    _, as_support = model.fusion.fuse(text, gated)
    return gated, as_support
