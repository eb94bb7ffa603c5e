"""Makes the inputs of a model: pixels from files, class text features from class names."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from spm.dataset.class_text import class_text
from spm.episodes.clip_pixels import read_pixels
from spm.model import text_tower
from spm.model.model import FewShotModel


def read_clip(path: Path | str, *, model: FewShotModel) -> Tensor:
    """[T, H, W, 3] uint8 on the model's device: the frames that `model.encode_video` takes.

    `path`: a video file, or a folder of its frames. Raises DataError with the reason for an
    unusable file, OSError for a file that cannot be opened.
    """
    pixels = read_pixels(Path(path), frames=model.config.frames, size=model.image_size)
    return pixels.to(_any_parameter(model).device)


def encode_classes(classes: Sequence[str], *, model: FewShotModel) -> Tensor | None:
    """Text features [N, C] of `classes`, folder names ("PouringTea") or texts, in this order.

    The model's templates and its frozen text tower make them; a model that was trained under a
    control (prompts.control) gets them under the same, within `classes`. None if the backbone has
    no text tower. Raises ConfigError for missing weights, ValueError for one class to permute.
    """
    features = text_tower.encode_classes(
        {name: class_text(name) for name in classes},
        prompts=model.config.prompts,
        backbone=model.config.backbone,
    )
    prompts = model.config.prompts
    found = features.of(list(classes), how=prompts.text_ensemble, control=prompts.control)
    return None if found is None else found.to(_any_parameter(model))


def _any_parameter(model: FewShotModel) -> Tensor:
    return next(model.parameters())
