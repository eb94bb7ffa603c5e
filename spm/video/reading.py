"""Reading frames of a video file: by PyAV, or by a library that the configuration names.

Frames are uint8 RGB [n, H, W, 3], cropped and turned as the file says (spm.video.shown). One
function resizes for all readers, so that they return the same bytes wherever they convert colours
alike (docs/data.md).
"""

from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spm.base.arrays import Frames
from spm.base.errors import DataError
from spm.config.frames import FramesConfig, Reader
from spm.video.clip import Clip, Pick, Resize
from spm.video.counting_readers import Library, limit, read_with_decord, read_with_torchcodec
from spm.video.frame_folder import read_folder
from spm.video.packets import open_packets
from spm.video.pyav_reader import first_frame, read_with_pyav, stack
from spm.video.sampling import segment_frames
from spm.video.shown import turn_of

_READERS = {"decord": read_with_decord, "torchcodec": read_with_torchcodec}


def read_frames(
    path: Path,
    *,
    pick: Pick,
    short_side: int,
    keep_aspect: bool = True,
    reader: Reader = "auto",
) -> Clip:
    """The frames of `path` at the indices `pick(video_frames)` -> int64 [n], resized.

    `auto` is PyAV, seeking where the packets show that this is exact; `pyav` decodes every frame,
    and so notices damage anywhere in the video. Raises DataError with the reason for a file that
    cannot be used, and OSError for one that cannot be opened.
    """
    shrink = partial(resize, short_side=short_side, keep_aspect=keep_aspect)
    if reader == "decord" or reader == "torchcodec":
        return _read_with_library(path, pick=pick, resize=shrink, library=reader)
    return read_with_pyav(path, pick=pick, resize=shrink, seek=reader == "auto")


def read_clip(path: Path, *, frames: FramesConfig) -> Clip:
    """The frames that `frames` asks for, [T · P, H, W, 3]: segment after segment.

    `path`: a video file, or a folder of frames.
    """

    def pick(num_video_frames: int) -> npt.NDArray[np.int64]:
        return segment_frames(
            num_video_frames,
            num_segments=frames.num_segments,
            samples_per_segment=frames.samples_per_segment,
            short_clips=frames.short_clips,
        ).reshape(-1)

    if path.is_dir():
        shrink = partial(resize, short_side=frames.short_side, keep_aspect=frames.keep_aspect)
        return read_folder(path, pick=pick, resize=shrink)
    return read_frames(
        path,
        pick=pick,
        short_side=frames.short_side,
        keep_aspect=frames.keep_aspect,
        reader=frames.reader,
    )


def resize(
    frame: Frames, *, short_side: int | None, keep_aspect: bool, pixel_aspect: float = 1
) -> Frames:
    """[H, W, 3] with the shorter side at `short_side` pixels: PIL's antialiased bilinear filter.
    None: as many as it has.

    With `keep_aspect` the longer side is rounded to the nearest pixel, .5 to the even one; without,
    it has `short_side` pixels too. Pixels of `frame` are `pixel_aspect` times as wide as high;
    returned pixels are square. A frame that has the new size already is returned unchanged.
    """
    from PIL import Image

    stored = frame.shape[:2]
    height, width = stored[0], stored[1] * pixel_aspect
    short_side = round(min(height, width)) if short_side is None else short_side
    scale = short_side / min(height, width)
    new_height, new_width = round(height * scale), round(width * scale)
    if not keep_aspect:
        new_height = new_width = short_side
    if (new_height, new_width) == stored:
        return frame
    image = Image.fromarray(frame).resize((new_width, new_height), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _read_with_library(path: Path, *, pick: Pick, resize: Resize, library: Library) -> Clip:
    """Reads with `library`, which turns frames but neither crops nor stretches them."""
    with open_packets(path) as video:
        num_frames, first, aspect = video.num_frames, first_frame(video), video.pixel_aspect
        seconds = video.seconds
        turn = turn_of(first)
        reason = limit(video, turn=turn, library=library)
    if reason:
        raise DataError(f"{library} would err: {reason}; set frames.reader: auto")
    indices, places = np.unique(pick(num_frames), return_inverse=True)
    batch = _READERS[library](path, indices=indices, expected=num_frames)
    if batch.shape[1:3] != turn.size(first.height, first.width):
        raise DataError(f"{library} does not turn its frames as it says; set frames.reader: auto")
    frames = [resize(frame, pixel_aspect=turn.aspect(aspect)) for frame in batch]
    return Clip(stack(frames, places=places), library, num_frames, seconds)
