"""CLIP-M2DF: two views of every clip, compared by OTAM, that teach each other (Guo et al., 2024).

                ┌─ local context  ─ view ┐ supports: mean over class n: P_n ┐
    frames f ───┤                        ├──────────────────────────────────┴─ D = OTAM(P_n, q')
                └─ global context ─ view ┘ queries: q'
    text of the support's class, or of the class that PPS guesses for the query, enters both views

    logits = −(D of the local view + D of the global view)

Training adds the classification of clips among all training classes, by the frames that are nearest
to a text (the support's own; of a query, the most similar class's), and the distillation.
The names of the distillation are the release's: the global view is up, the local one down.
Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels; `2` views,
the local one first.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spm.methods.base import (
    Alignment,
    EpisodeFeatures,
    EpisodePixels,
    Losses,
    Method,
    Prepared,
    cross_entropy,
)
from spm.methods.clip_m2df.config import Config, Direction, Prompts
from spm.methods.clip_m2df.distillation import Compared, distillation
from spm.methods.clip_m2df.prompts import draw, nearest_frames, similarity
from spm.methods.clip_m2df.views import GlobalContext, LocalContext, View
from spm.nn.class_text import required, texts_of
from spm.nn.configured_transformer import configured_transformer
from spm.nn.otam import alignment, frame_distance, sequence_distance
from spm.nn.prototypes import class_means
from spm.nn.released_names import WITHIN_A_TRANSFORMER, translated
from spm.nn.video_text import text_loss, weight_of_sum

_RELEASED = {
    "local_view.context.mfe.conv": "context_conv",
    "local_view.transformer.": "context2.",
    "global_view.context.network.": "tcn.network.",
    "global_view.transformer.": "context_local.",
}
_WEIGHT_NORM = {
    "parametrizations.weight.original0": "weight_g",
    "parametrizations.weight.original1": "weight_v",
}


class ClipM2DF(Method):
    """A local and a global view, each prompted by texts and compared by OTAM; inductive."""

    terms: ClassVar[tuple[str, ...]] = ("L_CE", "L_text", "L_distillation")
    released_unused: ClassVar[tuple[str, ...]] = (
        *("context_conv11.*", "context_conv22.*"),
        "tcn.network.*.net.*",  # conv1 and conv2 a second time
    )

    given_classes: Tensor | None = None
    """Classes [..., Q] whose texts prompt the queries, in place of those that `prompts` chooses:
    for a comparison with draws from elsewhere."""

    def __init__(
        self,
        local_view: View,
        global_view: View,
        *,
        otam_lambda: float,
        prompts: Prompts,
        selected_frames: int,
        temperature: float,
        text_weight: float,
        distillation_weight: float,
        distillation: Direction,
        compare_text: bool,
        compare_distance: bool,
        seed: int,
    ) -> None:
        """The values are explained in config.py. seed: of the prompts that are drawn."""
        super().__init__()
        self.local_view, self.global_view = local_view, global_view
        self.scale = nn.Parameter(torch.ones(1))
        self.otam_lambda = otam_lambda
        self.prompts = prompts
        self.selected_frames = selected_frames
        self.temperature = temperature
        self.text_weight = text_weight
        self.distillation_weight = distillation_weight
        self.distillation = distillation
        self.compare_text, self.compare_distance = compare_text, compare_distance
        self.seed = seed

    def classify(self, episode: EpisodeFeatures) -> Tensor:
        """Logits [..., Q, N]. Raises ValueError without class texts."""
        return _logits(*self.compare(episode))

    def losses(
        self,
        episode: EpisodeFeatures,
        query_labels: Tensor,
        *,
        classes: Tensor | None = None,
        all_text: Tensor | None = None,
        pixels: EpisodePixels | None = None,
    ) -> Losses:
        """L = L_CE + text_weight (S + Q) / Q L_text + distillation_weight / Q L_distillation.

        Times Q, the terms are the sums that the authors weigh. Without the training classes, L_text
        is 0.
        """
        views = self.compare(episode)
        logits = _logits(*views)

        L_CE = cross_entropy(logits, query_labels)
        L_text = text_loss(
            self.nearest_frames(episode),
            torch.cat([episode.support_labels, query_labels], dim=-1),
            classes=classes,
            all_text=all_text,
            scale=self.scale,
            like=L_CE,
        )
        L_distillation = distillation(
            *views,
            direction=self.distillation,
            compare_text=self.compare_text,
            compare_distance=self.compare_distance,
        )

        text_weight = weight_of_sum(
            self.text_weight, support_labels=episode.support_labels, query_labels=query_labels
        )
        distillation_weight = self.distillation_weight / query_labels.shape[-1]
        return Losses(
            total=L_CE + text_weight * L_text + distillation_weight * L_distillation,
            regularizers=torch.zeros_like(L_CE),
            terms={"L_CE": L_CE, "L_text": L_text, "L_distillation": L_distillation},
            logits=logits,
        )

    def compare(self, episode: EpisodeFeatures) -> tuple[Compared, Compared]:
        """The local view and the global view of the episode."""
        class_text = required(episode.class_text, by=Config.title)
        prepared = episode.prepared or Prepared(
            self.views(episode.support, texts_of(class_text, episode.support_labels)),
            self.contexts(episode.query),
        )
        text = texts_of(class_text, self.query_classes(episode.query, class_text))
        query = self.fuse(prepared.query, episode.query, text)
        of_views = zip(query.unbind(-3), prepared.support.unbind(-3), strict=True)
        local_view, global_view = (self._compared(*sides, episode) for sides in of_views)
        return local_view, global_view

    def prepare_query(self, features: Tensor) -> Tensor:
        """The contexts of a query, [clips, 2, T, C]: its text is one of the episode's."""
        return self.contexts(features)

    def prepare_support(self, features: Tensor, as_query: Tensor, texts: Tensor | None) -> Tensor:
        """The views of a support, complete, [clips, 2, T, C]."""
        return self.fuse(as_query, features, required(texts, by=Config.title)[:, None])

    def views(self, frames: Tensor, text: Tensor) -> Tensor:
        """Both views: frames [..., T, C], text [..., 1, C] -> [..., 2, T, C]."""
        return self.fuse(self.contexts(frames), frames, text)

    def contexts(self, frames: Tensor) -> Tensor:
        """The contexts of both views: [..., T, C] -> [..., 2, T, C]."""
        views = (self.local_view, self.global_view)
        return torch.stack([view.context(frames) for view in views], dim=-3)

    def fuse(self, contexts: Tensor, frames: Tensor, text: Tensor) -> Tensor:
        """As `views`, of frames whose contexts [..., 2, T, C] are known."""
        of_local, of_global = contexts.unbind(dim=-3)
        views = (
            self.local_view(of_local, frames, text),
            self.global_view(of_global, frames, text),
        )
        return torch.stack(views, dim=-3)

    def query_classes(self, query: Tensor, class_text: Tensor) -> Tensor:
        """The class whose text prompts each query: query [..., Q, T, C] -> [..., Q]."""
        if self.given_classes is not None:
            return self.given_classes
        similar = similarity(query, class_text, count=self.selected_frames)
        if self.prompts == "argmax":
            return similar.argmax(dim=-1)
        probabilities = F.softmax(self.temperature * similar.double(), dim=-1)
        return draw(probabilities, query, seed=self.seed)

    def nearest_frames(self, episode: EpisodeFeatures) -> Tensor:
        """The frames that L_text is of: those nearest to the clip's text, [..., S + Q, ·, C].

        A query's text is that of the most similar class, whatever `prompts` is.
        """
        class_text, count = required(episode.class_text, by=Config.title), self.selected_frames
        guessed = similarity(episode.query, class_text, count=count).argmax(dim=-1)
        text = texts_of(class_text, torch.cat([episode.support_labels, guessed], dim=-1))
        clips = torch.cat([episode.support, episode.query], dim=-3)
        return nearest_frames(clips, text, count=count)

    def explain(self, episode: EpisodeFeatures) -> Alignment:
        """The alignments of the two views, averaged."""
        distances = torch.stack(
            [frame_distance(view.query, view.prototypes) for view in self.compare(episode)]
        ).double()
        weights = alignment(distances, lam=self.otam_lambda)
        return Alignment(distances.mean(dim=0), weights.mean(dim=0))

    @staticmethod
    def released_name(name: str) -> str:
        """Our name of a tensor -> its name in the release.

        >>> ClipM2DF.released_name("global_view.transformer.attention.to_q.weight")
        'context_local.layers.0.0.fn.to_q.weight'
        """
        return translated(name, _RELEASED, WITHIN_A_TRANSFORMER, _WEIGHT_NORM)

    def _compared(self, query: Tensor, support: Tensor, episode: EpisodeFeatures) -> Compared:
        """query [..., Q, T, C] and support [..., S, T, C] of one view."""
        prototypes = class_means(support, episode.support_labels, num_classes=episode.num_classes)
        distance = sequence_distance(query, prototypes, lam=self.otam_lambda)
        return Compared(query, prototypes, distance)


def _logits(local_view: Compared, global_view: Compared) -> Tensor:
    return -(local_view.distance + global_view.distance)


def build(config: Config, *, channels: int, **_: object) -> ClipM2DF:
    """CLIP-M2DF as `config` describes it, with random weights. channels: C.

    Raises ConfigError if `heads` does not divide C.
    """
    local_view = View(LocalContext(channels), configured_transformer(config, channels))
    global_context = GlobalContext(channels, dropout=config.tcn_dropout)
    global_view = View(global_context, configured_transformer(config, channels))
    return ClipM2DF(
        local_view,
        global_view,
        otam_lambda=config.otam_lambda,
        prompts=config.prompts,
        selected_frames=config.selected_frames,
        temperature=config.temperature,
        text_weight=config.text_weight,
        distillation_weight=config.distillation_weight,
        distillation=config.distillation,
        compare_text=config.compare_text,
        compare_distance=config.compare_distance,
        seed=config.seed,
    )
