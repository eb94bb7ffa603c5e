"""A few-shot model is a visual tower and a method. Builds, saves and loads models.

    pixels ─ backbone ─ f_S, f_Q ─ method ─ logits
    class texts ────────────────────┘

Shapes: `...` episodes, `N` classes, `S` supports, `Q` queries, `T` frames, `C` channels.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from spm.base.errors import DataError
from spm.methods.base import EpisodeFeatures, Method
from spm.methods.registry import build_method
from spm.model.backbone import PREFIX, WEIGHTS_FILE, Backbone, build_backbone
from spm.model.background import Background, load_background, save_background
from spm.model.calibration import NOT_CALIBRATED, load_calibration, save_calibration
from spm.model.remedy import remedy
from spm.model.spec import ModelSpec, load_spec, save_spec

_METHOD = "method."


class FewShotModel(nn.Module):
    """`backbone` encodes clips as features; `method` classifies the features of an episode."""

    def __init__(self, backbone: Backbone, method: Method, *, config: ModelSpec) -> None:
        super().__init__()
        self.backbone = backbone
        self.method = method
        self.config = config
        """The specification of the model, and of how clips and texts are prepared for it."""
        self.calibration = NOT_CALIBRATED
        """The temperatures of `probabilities`."""
        self.background: Background | None = None
        """What tells "none of these"; None: nothing was trained, or by an earlier version."""

    @property
    def image_size(self) -> int:
        """Side of the square frames that `encode_video` takes, in pixels."""
        return self.backbone.image_size

    def encode_video(self, pixels: Tensor) -> Tensor:
        """f (Eq. 1): pixels [..., T, H, W, 3] uint8 -> features [..., T, *feature_shape].

        H = W = `image_size`. Features are not normalised. Raises ValueError for another size or
        dtype.
        """
        of_frames = self.backbone.maps if self.takes_maps else self.backbone
        features: Tensor = of_frames(pixels)
        return features

    @property
    def has_frozen_part(self) -> bool:
        """Whether training leaves the visual tower, or its first part, as it is."""
        return self.backbone.has_frozen_part

    def encode_frozen(self, pixels: Tensor) -> Tensor:
        """The output of the tower's frozen part for each frame, without gradient.

        pixels [..., T, H, W, 3] uint8 -> [..., T, *frozen_shape]. Training does not change it.
        Raises ValueError if no part is frozen, and as `encode_video`.
        """
        return self.backbone.encode_frozen(pixels, maps=self.takes_maps)

    def encode(self, clips: Tensor) -> Tensor:
        """Features [..., T, *feature_shape] of uint8 pixels, as `encode_video`; or of stored
        features, floats, as `encode_trained`."""
        if clips.dtype == torch.uint8:
            return self.encode_video(clips)
        return self.encode_trained(clips.to(self.backbone.mean.dtype))

    def encode_trained(self, frozen: Tensor) -> Tensor:
        """The rest of `encode_video`: [..., T, *frozen_shape] -> features [..., T, *feature_shape].

        `encode_trained(encode_frozen(pixels))` has the same bits as `encode_video(pixels)`.
        """
        return self.backbone.encode_trained(frozen, maps=self.takes_maps)

    @property
    def frozen_shape(self) -> tuple[int, ...]:
        """The shape of one frame's output of the frozen part; of a tower that is frozen whole,
        `feature_shape`. Raises ValueError if no part is frozen."""
        return self.backbone.frozen_shape(maps=self.takes_maps)

    def is_frozen(self, name: str) -> bool:
        """Whether the tensor `name` of `state_dict` is of the frozen part: training keeps it."""
        return name.startswith(PREFIX) and self.backbone.is_frozen(name.removeprefix(PREFIX))

    @property
    def channels(self) -> int:
        """C, the channels of a frame's feature and of a class text's feature."""
        return self.backbone.channels

    @property
    def takes_maps(self) -> bool:
        """Whether the method takes feature maps; `encode_video` then returns [..., T, C, H, W]."""
        return self.config.model.needs.features == "maps"

    @property
    def feature_shape(self) -> tuple[int, ...]:
        """The shape of one frame's features: (C,), or (C, H, W) for maps."""
        size = self.backbone.map_size if self.takes_maps else 0
        return (self.backbone.map_channels, size, size) if size else (self.backbone.channels,)

    def classify(
        self,
        support: Tensor,
        support_labels: Tensor,
        query: Tensor,
        class_text: Tensor | None = None,
    ) -> Tensor:
        """Logits [..., Q, N] of features; `probabilities` makes p of them.

        support [..., S, T, C], support_labels [..., S] int64 in 0..N-1, query [..., Q, T, C],
        class_text [..., N, C], all floats in the model's dtype. Without class_text, N is the
        largest label plus 1. Classes may have different numbers of supports, but at least one.
        With a transductive method, queries influence each other; `classify_each` avoids this.
        Raises ValueError for shapes or labels that do not fit.
        """
        return self.method.classify(_episode(support, support_labels, query, class_text))

    def classify_each(
        self,
        support: Tensor,
        support_labels: Tensor,
        query: Tensor,
        class_text: Tensor | None = None,
    ) -> Tensor:
        """Inductive logits [..., Q, N]: `classify` of each query as the only one of its episode."""
        return self.method.classify_each(_episode(support, support_labels, query, class_text))

    def probabilities(self, logits: Tensor, *, transductive: bool) -> Tensor:
        """p = softmax(logits / T) over N, [..., Q, N]. T changes no class's rank.

        T is `calibration`'s: with `transductive` for logits of `classify`, else of `classify_each`.
        """
        temperature = self.calibration.temperature(transductive=transductive)
        return (logits / temperature).softmax(dim=-1)


def build_model(config: ModelSpec, *, load_backbone_weights: bool = True) -> FewShotModel:
    """The model that `config` describes.

    `load_backbone_weights=False` skips the tower's pretrained weights, for a caller that loads
    others. Raises ConfigError for weights that do not fit the tower.
    """
    backbone = build_backbone(config.backbone, load_weights=load_backbone_weights)
    maps = config.model.needs.features == "maps"
    method = build_method(
        config.model,
        channels=backbone.map_channels if maps else backbone.channels,
        map_size=backbone.map_size if maps else None,
        num_frames=config.frames.num_segments,
        train_classes=config.train_classes,
    )
    return FewShotModel(backbone, method, config=config)


def save_model(model: FewShotModel, folder: Path) -> None:
    """Writes model.safetensors and config.json; calibration.json and background.safetensors if the
    model has them. `load_model` reads them."""
    from spm.base.atomic import atomic_path
    from spm.base.safetensors_file import write_safetensors

    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / WEIGHTS_FILE) as path:
        write_safetensors(stored(model), path)
    save_spec(model.config, folder)
    save_calibration(model.calibration, folder)
    save_background(model.background, folder)


def load_model(folder: Path | str) -> FewShotModel:
    """The model that `save_model` wrote, on the CPU, in evaluation mode.

    Raises DataError for a folder that is not a model folder, or whose weights do not fit.
    """
    folder = Path(folder)
    model = build_model(load_spec(folder), load_backbone_weights=False)
    load_weights(model, folder)
    model.calibration = load_calibration(folder)
    model.background = load_background(
        folder, feature_shape=model.feature_shape, channels=model.channels
    )
    return model.eval()


def load_weights(model: FewShotModel, folder: Path) -> None:
    """Fills `model` from a model folder. Raises DataError for missing, extra or unlike tensors, and
    for values that are not finite."""
    fill(model, saved(folder), folder=folder)


def saved(folder: Path) -> Mapping[str, Tensor]:
    """The tensors in a model folder, under the names of `stored`. Raises DataError without any."""
    from spm.model.weights import read_safetensors

    path = folder / WEIGHTS_FILE
    if not path.is_file():
        raise DataError(
            f"{folder} is not a model folder: it has no {WEIGHTS_FILE}; {remedy(folder)}"
        )
    return read_safetensors(path, again=remedy(folder))


def fill(model: FewShotModel, state: Mapping[str, Tensor], *, folder: Path) -> None:
    """Fills `model` with tensors of `folder`, under the names of `stored`. Raises as
    `load_weights`."""
    from spm.base.state_dicts import damage, misfit

    path, tensors = folder / WEIGHTS_FILE, stored(model)
    if said := misfit(state, {name: value.shape for name, value in tensors.items()}):
        raise DataError(f"{path} does not fit the model that the parameters ask for: {said}")
    counters = [name for name, value in tensors.items() if not value.is_floating_point()]
    if said := damage(state, integers=counters):
        raise DataError(f"{path} is damaged: {said}. Take a copy that is whole, or train again")
    model.load_state_dict({_in_memory(name): value for name, value in state.items()})


def stored(model: FewShotModel) -> Mapping[str, Tensor]:
    """The model's tensors under their names in a model folder.

    The folder leaves out the prefix `method.`, since folders from before there were several
    methods have no such prefix.
    """
    return {name.removeprefix(_METHOD): value for name, value in model.state_dict().items()}


def _in_memory(name: str) -> str:
    return name if name.startswith(PREFIX) else f"{_METHOD}{name}"


def _episode(
    support: Tensor, support_labels: Tensor, query: Tensor, class_text: Tensor | None
) -> EpisodeFeatures:
    """The episode of these features. Raises ValueError if shapes or labels do not fit together."""
    clip = support.shape[support_labels.dim() :]
    if support.shape[: support_labels.dim()] != support_labels.shape:
        raise ValueError(
            f"support [..., S, T, C] = {list(support.shape)} needs a label for each clip; "
            f"support_labels is {list(support_labels.shape)}"
        )
    if query.shape[support_labels.dim() :] != clip:
        raise ValueError(
            f"support [..., T, C] = {list(support.shape)} and query {list(query.shape)} must "
            "agree in T and C"
        )
    takes_vectors = len(clip) == 2  # the channels of maps are those before pooling, not the texts'
    if takes_vectors and class_text is not None and class_text.shape[-1] != clip[1]:
        raise ValueError(
            f"support [..., T, C] = {list(support.shape)} and class_text [..., N, C] = "
            f"{list(class_text.shape)} must agree in C"
        )
    given = class_text.shape[-2] if class_text is not None else int(support_labels.max()) + 1
    _check_labels(support_labels, num_classes=given)
    return EpisodeFeatures(support, support_labels, query, class_text, given)


def _check_labels(labels: Tensor, *, num_classes: int) -> None:
    if not ((labels >= 0) & (labels < num_classes)).all():
        raise ValueError(f"support labels must be 0 to {num_classes - 1}; got {labels}")
    counts = torch.nn.functional.one_hot(labels, num_classes).sum(dim=-2)
    if (counts == 0).any():
        raise ValueError(f"each of the {num_classes} classes needs a support clip")
