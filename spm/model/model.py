"""CLIP-SPM, whole: the visual tower and the head, as in the paper's Figure 1.

Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.

    pixels ─ backbone ─ f_S, f_Q ─┬─ HSMR ─ L_H                        (training)
                                  └─ SPM ─┬─ d_spm ────────┬─ logits = −(λ1 d_padm + λ2 d_spm)
    class texts ──────────────────────┘   └─ PADM ─ d_padm ┘
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from spm.base.errors import DataError
from spm.config.model import ModelConfig
from spm.methods.clip_spm.losses import Losses, episode_losses
from spm.methods.clip_spm.modulation import Modulated, SemanticPrototypeModulation
from spm.methods.clip_spm.motion import HierarchicalMotionRefinement
from spm.methods.clip_spm.padm import DualModulation
from spm.model.backbone import build_backbone
from spm.model.spec import ModelSpec, load_spec, save_spec
from spm.nn.otam import sequence_distance
from spm.nn.prompt_generator import PromptGenerator
from spm.nn.prototypes import class_means, texts_of
from spm.nn.semantic_fusion import SemanticFusion
from spm.nn.transformer import Transformer

WEIGHTS_FILE = "model.safetensors"


class ClipSPM(nn.Module):
    """The model. A component that is switched off has no parameters and costs nothing."""

    def __init__(self, spec: ModelSpec, *, load_backbone_weights: bool = True) -> None:
        super().__init__()
        self.config = spec
        config = spec.model
        self.backbone = build_backbone(spec.backbone, load_weights=load_backbone_weights)
        channels = self.backbone.channels
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            if config.hsmr or config.spm:
                self.fusion = _build_fusion(config, channels)
            if config.hsmr:
                self.hsmr = HierarchicalMotionRefinement(
                    channels, reduction=config.motion_reduction
                )
                if config.learn_lambda3:
                    self.lambda3_scale = nn.Parameter(torch.ones(()))
            if config.spm:
                self.spm = _build_modulation(config, channels)
            if config.padm:
                self.padm = DualModulation(_build_transformer(config, channels))

    @property
    def image_size(self) -> int:
        """Side of the square frames that `encode_video` takes, in pixels."""
        return self.backbone.image_size

    @property
    def channels(self) -> int:
        """C"""
        return self.backbone.channels

    def encode_video(self, pixels: Tensor) -> Tensor:
        """f (Eq. 1): pixels [..., T, H, W, 3] uint8 -> [..., T, C], not normalised.

        H = W = `image_size`. Raises ValueError for another size or dtype.
        """
        features: Tensor = self.backbone(pixels)
        return features

    def classify(
        self, support: Tensor, support_labels: Tensor, query: Tensor, class_text: Tensor
    ) -> Tensor:
        """Logits [..., Q, N] of features (Eq. 6); their softmax over N is p.

        support [..., S, T, C], support_labels [..., S] int64 in 0..N-1, query [..., Q, T, C],
        class_text [..., N, C], all floats in the model's dtype. Classes may have different numbers
        of supports, none may have none. PADM lets queries see each other (`classify_each` does
        not). Raises ValueError for shapes or labels that do not fit.
        """
        _check_episode(support, support_labels, query, class_text)
        modulated = self.modulate(support, support_labels, query, class_text)
        return self.logits(modulated, support_labels, class_text.shape[-2])

    def classify_each(
        self, support: Tensor, support_labels: Tensor, query: Tensor, class_text: Tensor
    ) -> Tensor:
        """As `classify`, each query as if it were alone: inductive, [..., Q, N].

        PADM alone makes a difference, so SPM modulates all queries at once.
        """
        _check_episode(support, support_labels, query, class_text)
        modulated = self.modulate(support, support_labels, query, class_text)
        return self.logits_of_each(modulated, support_labels, class_text.shape[-2])

    def modulate(
        self, support: Tensor, support_labels: Tensor, query: Tensor, class_text: Tensor
    ) -> Modulated:
        """f^SPM (Eq. 4). With SPM off, the features as they came."""
        if not self.config.model.spm:
            nothing = support.new_zeros(0)
            return Modulated(support, query, nothing, nothing)
        support_text = texts_of(class_text, support_labels)
        out: Modulated = self.spm(support, query, support_text, fusion=self.fusion)
        return out

    def losses(
        self,
        support: Tensor,
        support_labels: Tensor,
        query: Tensor,
        query_labels: Tensor,
        class_text: Tensor,
    ) -> Losses:
        """The loss terms of each episode (Eq. 15), from features; shapes as in `classify`.

        The only place that sees query_labels [..., Q].
        """
        modulated = self.modulate(support, support_labels, query, class_text)
        logits = self.logits(modulated, support_labels, class_text.shape[-2])
        return episode_losses(
            self.config.model,
            logits=logits,
            query_labels=query_labels,
            motion=self._motion_distances(support, query),
            semantic=self._semantic_distances(
                modulated, support, support_labels, query, query_labels, class_text
            ),
            lambda3_scale=getattr(self, "lambda3_scale", None),
        )

    def logits(self, modulated: Modulated, support_labels: Tensor, num_classes: int) -> Tensor:
        """Logits [..., Q, N] from f^SPM (Eq. 6): what `classify` does after `modulate`."""
        config = self.config.model
        prototypes = class_means(modulated.support, support_labels, num_classes=num_classes)
        distance = config.lambda2 * self._seq_dis(modulated.query, prototypes)
        if config.padm:
            d_padm = self._padm_distance(modulated, support_labels, num_classes)
            distance = distance + config.lambda1 * d_padm
        return -distance

    def logits_of_each(
        self, modulated: Modulated, support_labels: Tensor, num_classes: int
    ) -> Tensor:
        """As `logits`, each query as if it were alone."""
        alone = [replace(modulated, query=one) for one in torch.split(modulated.query, 1, dim=-3)]
        logits = [self.logits(each, support_labels, num_classes) for each in alone]
        return torch.cat(logits, dim=-2)

    def _padm_distance(
        self, modulated: Modulated, support_labels: Tensor, num_classes: int
    ) -> Tensor:
        """d_padm [..., Q, N] (Eq. 5); its second term is the same for all queries."""
        dual = self.padm(
            modulated.support, support_labels, modulated.query, num_classes=num_classes
        )
        prototypes = class_means(dual.support, support_labels, num_classes=num_classes)
        return self._seq_dis(dual.query, prototypes) + self._seq_dis(dual.anchor, dual.prototypes)

    def _seq_dis(self, x: Tensor, y: Tensor) -> Tensor:
        return sequence_distance(x, y, lam=self.config.model.otam_lambda)

    def _motion_distances(self, support: Tensor, query: Tensor) -> list[Tensor]:
        """d_h of supports [..., S] and queries [..., Q] (Eq. 3)."""
        if not self.config.model.hsmr:
            return []
        distances = self.hsmr(
            torch.cat([support, query], dim=-3),
            fusion=self.fusion,
            distance=self.config.model.distance,
        )
        return list(distances.split([support.shape[-3], query.shape[-3]], dim=-1))

    def _semantic_distances(
        self,
        modulated: Modulated,
        support: Tensor,
        support_labels: Tensor,
        query: Tensor,
        query_labels: Tensor,
        class_text: Tensor,
    ) -> list[Tensor]:
        """d_s of supports [..., S] and queries [..., Q] (Eq. 12)."""
        if not self.config.model.spm:
            return []
        distances: list[Tensor] = self.spm.consistency_distances(
            modulated,
            support,
            query,
            texts_of(class_text, support_labels),
            texts_of(class_text, query_labels),
            fusion=self.fusion,
            distance=self.config.model.distance,
        )
        return distances


def save_model(model: ClipSPM, folder: Path) -> None:
    """Writes model.safetensors and config.json: all that `load_model` needs."""
    from safetensors.torch import save_file

    from spm.base.atomic import atomic_path

    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / WEIGHTS_FILE) as path:
        # No metadata: with several keys the file's bytes would change from run to run.
        save_file({key: value.contiguous() for key, value in model.state_dict().items()}, path)
    save_spec(model.config, folder)


def load_model(folder: Path | str) -> ClipSPM:
    """The model that `save_model` wrote, on the CPU, in evaluation mode. Raises DataError."""
    folder = Path(folder)
    model = ClipSPM(load_spec(folder), load_backbone_weights=False)
    load_weights(model, folder)
    return model.eval()


def load_weights(model: ClipSPM, folder: Path) -> None:
    """Fills `model` from a model folder; every parameter must be there, and no other."""
    from spm.model.state_dicts import misfit
    from spm.model.weights import read_safetensors

    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise DataError(f"{folder} is not a model folder: it has no {WEIGHTS_FILE}")
    state = read_safetensors(path)
    expected = {name: value.shape for name, value in model.state_dict().items()}
    if said := misfit(state, expected):
        raise DataError(f"{path} does not fit the model that the parameters ask for: {said}")
    model.load_state_dict(state)


def _build_transformer(config: ModelConfig, channels: int) -> Transformer:
    return Transformer(
        channels,
        heads=config.heads,
        head_dim=config.head_dim,
        hidden_dim=config.hidden_dim,
        attention_dropout=config.attention_dropout,
        dropout=config.dropout,
    )


def _build_fusion(config: ModelConfig, channels: int) -> SemanticFusion:
    return SemanticFusion(
        channels,
        fusion=config.fusion,
        alpha=config.alpha,
        gate_visual_ratio=config.gate_visual_ratio,
        gate_prompt_ratio=config.gate_prompt_ratio,
        gate_slope=config.gate_slope,
        transformer=_build_transformer(config, channels),
    )


def _build_modulation(config: ModelConfig, channels: int) -> SemanticPrototypeModulation:
    generator = PromptGenerator(
        channels,
        hidden_dim=config.hidden_dim,
        dropout=config.dropout,
        visual_mean=config.prompt_visual_mean,
    )
    return SemanticPrototypeModulation(generator, consistency=config.consistency)


def _check_episode(
    support: Tensor, support_labels: Tensor, query: Tensor, class_text: Tensor
) -> None:
    *_, num_support, num_frames, channels = support.shape
    num_classes = class_text.shape[-2]
    if support_labels.shape[-1] != num_support:
        raise ValueError(f"{num_support} supports need as many labels; got {support_labels.shape}")
    if tuple(query.shape[-2:]) != (num_frames, channels) or class_text.shape[-1] != channels:
        raise ValueError(
            f"support [..., T, C] = {list(support.shape)}, query {list(query.shape)} and "
            f"class_text [..., N, C] = {list(class_text.shape)} must agree in T and C"
        )
    if not ((support_labels >= 0) & (support_labels < num_classes)).all():
        raise ValueError(f"support labels must be 0 to {num_classes - 1}; got {support_labels}")
    counts = torch.nn.functional.one_hot(support_labels, num_classes).sum(dim=-2)
    if (counts == 0).any():
        raise ValueError(f"each of the {num_classes} classes needs a support clip")
