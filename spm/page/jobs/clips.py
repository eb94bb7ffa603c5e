"""What several jobs do with clips: reading them within the limits, and showing their frames."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spm.base.errors import DataError
from spm.episodes.clip_pixels import seen_at_test
from spm.isolation.isolated_reader import IsolatedReader
from spm.model.model import FewShotModel
from spm.page.limits import PageLimits

Pixels = NDArray[np.uint8]
_SIDE = 112


def read_frames(
    model: FewShotModel, path: Path, *, reader: IsolatedReader, limits: PageLimits
) -> tuple[Pixels, float | None]:
    """The T frames [T, side, side, 3] that the model takes of a clip, and its seconds.

    Raises DataError for a file that is no clip, or too large or long.
    """
    try:
        limits.check_size(path.stat().st_size)
        clip = reader.read(path, frames=model.config.frames)
    except OSError as error:
        raise DataError(f"it cannot be opened: {error.strerror}") from None
    limits.check_clip(clip.seconds)
    pixels = seen_at_test(clip, frames=model.config.frames, size=model.image_size)
    return pixels.numpy(), clip.seconds


def strip(frames: Pixels) -> bytes:
    """A JPEG of frames [T, side, side, 3], side by side."""
    rows = [np.asarray(Image.fromarray(each).resize((_SIDE, _SIDE))) for each in frames]
    held = io.BytesIO()
    Image.fromarray(np.concatenate(rows, axis=1)).save(held, "JPEG", quality=88)
    return held.getvalue()
