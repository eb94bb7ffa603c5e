"""Reading a clip that is a folder of frames: numbered images, as most users keep benchmarks.

    clip/img_00001.jpg  clip/img_00002.jpg  …

The last number in a name, with leading zeros or not, is the frame's position. Only the wanted
frames are opened; other files in the folder are ignored.
"""

import io
import re
from pathlib import Path

import numpy as np

from spm.base.arrays import Frames
from spm.base.errors import DataError
from spm.video.clip import Clip, Pick, Resize
from spm.video.clip_files import IMAGES, is_image

_PNG, _DEPTH = b"\x89PNG", 24
"""The first bytes of a PNG, and the place of its bits per channel. A JPEG here has 8."""


def read_folder(folder: Path, *, pick: Pick, resize: Resize) -> Clip:
    """The frames at the indices `pick(number of frames)` -> int64 [n], resized.

    Grey, CMYK and palette images become RGB, transparency is dropped, and a picture is turned as
    its EXIF orientation says. Raises DataError with the reason for a folder that cannot be used: it
    has no frames; frames are missing, repeated or of another series; an image is damaged or has
    more than 8 bits a channel; images differ in size. Raises OSError for an image that cannot be
    opened.
    """
    files = ordered_frames(folder)
    places, back = np.unique(pick(len(files)), return_inverse=True)
    frames = [_read_image(files[place]) for place in places]
    sizes = sorted({frame.shape[:2] for frame in frames})
    if len(sizes) > 1:
        shown = ", ".join(f"{width}×{height}" for height, width in sizes)
        raise DataError(f"frames of different sizes: {shown}")
    return Clip(np.stack([resize(frame) for frame in frames])[back], "pillow", len(files))


def ordered_frames(folder: Path) -> list[Path]:
    """The folder's images in the order of their numbers, which may go up in any constant step."""
    found: dict[int, Path] = {}
    series: dict[str, Path] = {}
    for path in sorted(_images(folder)):
        number, name = _number(path)
        if number in found:
            raise DataError(f"two frames have number {number}: {found[number].name}, {path.name}")
        found[number] = path
        series.setdefault(name, path)
    if len(series) > 1:
        names = ", ".join(path.name for path in series.values())
        raise DataError(f"frames of more than one series: {names}")
    _check_step(sorted(found), found)
    return [found[number] for number in sorted(found)]


def _images(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if is_image(path.name) and path.name[0] != "."]
    if not found:
        raise DataError(f"the folder holds no frames ({', '.join(IMAGES)})")
    return found


def _number(path: Path) -> tuple[int, str]:
    """The last number in the name, and the name without this number."""
    match = re.fullmatch(r"(.*?)([0-9]+)([^0-9]*)", path.stem, re.DOTALL)
    if match is None:
        raise DataError(f"{path.name} has no number in its name, which would place the frame")
    before, digits, after = match.groups()
    return int(digits), f"{before}#{after}"


def _check_step(numbers: list[int], found: dict[int, Path]) -> None:
    steps = np.diff(numbers)
    if len(set(steps.tolist())) > 1:
        gap = int(np.argmax(steps > steps.min()))
        before, after = (found[number].name for number in numbers[gap : gap + 2])
        raise DataError(f"frames are missing between {before} and {after}")


def _read_image(path: Path) -> Frames:
    """The image as RGB, [H, W, 3]."""
    from PIL import Image, ImageOps

    data = path.read_bytes()  # an error here is the machine's fault; below, the file's
    try:
        with Image.open(io.BytesIO(data)) as image:
            if data.startswith(_PNG) and data[_DEPTH] > 8:  # PIL would reduce some to 8
                raise DataError(f"{path.name} has more than 8 bits a channel ({data[_DEPTH]})")
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (DataError, MemoryError):
        raise
    except Exception as error:  # PIL's parsers raise errors of any class
        raise DataError(f"{path.name} cannot be decoded: {error}") from error
