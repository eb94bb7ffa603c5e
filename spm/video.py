"""Reading frames of a video file: decord where it is right, PyAV in sequence everywhere else.

Frames are uint8 RGB [n, H, W, 3]. Both readers return the same bytes: the picture is turned as the
file's rotation says, and one function resizes for both.
"""

from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from spm.clip import Clip, Frames, Pick, Resize
from spm.config.frames import FramesConfig
from spm.container import TOLERANCE, examine, open_video
from spm.errors import DataError
from spm.frame_folder import read_folder
from spm.sampling import segment_frames

Reader = Literal["auto", "decord", "pyav"]


def read_frames(
    path: Path,
    *,
    pick: Pick,
    short_side: int,
    keep_aspect: bool = True,
    reader: Reader = "auto",
) -> Clip:
    """The frames of `path` at the indices `pick(video_frames)` -> int64 [n], resized.

    `auto` is decord, and PyAV for avi, for what decord refuses and for what it would read wrongly
    (see spm.container). Raises DataError with the reason for a file that cannot be used, and
    OSError for one that cannot be opened.
    """
    index = examine(path)
    shrink = partial(resize, short_side=short_side, keep_aspect=keep_aspect)
    if reader == "pyav" or (reader == "auto" and index.trap):
        return _read_in_sequence(path, pick=pick, resize=shrink, expected=index.num_frames)
    if index.trap:
        raise DataError(f"decord would return wrong frames: {index.trap}; set frames.reader: auto")
    try:
        return _read_with_decord(path, pick=pick, resize=shrink, expected=index.num_frames)
    except DataError:
        if reader == "decord":
            raise
    return _read_in_sequence(path, pick=pick, resize=shrink, expected=index.num_frames)


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


def resize(frame: Frames, *, short_side: int, keep_aspect: bool) -> Frames:
    """[H, W, 3] with the shorter side at `short_side` pixels: PIL's antialiased bilinear filter.

    The longer side keeps the aspect ratio, rounded to the nearest pixel, .5 to the even one; or
    else is `short_side` pixels as well. A frame of that size already is returned as it is.
    """
    from PIL import Image

    height, width = frame.shape[:2]
    scale = short_side / min(height, width)
    new_height, new_width = round(height * scale), round(width * scale)
    if not keep_aspect:
        new_height = new_width = short_side
    if (new_height, new_width) == (height, width):
        return frame
    image = Image.fromarray(frame).resize((new_width, new_height), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _read_with_decord(path: Path, *, pick: Pick, resize: Resize, expected: int) -> Clip:
    import decord

    decord.logging.set_level(decord.logging.QUIET)
    try:
        video = decord.VideoReader(str(path), num_threads=1)
        if len(video) != expected:
            raise DataError(f"decord counts {len(video)} frames, the file has {expected}")
        indices, places = np.unique(pick(expected), return_inverse=True)
        batch = video.get_batch(indices).asnumpy()
    except (decord.DECORDError, RuntimeError) as error:
        raise DataError(f"decord: {str(error).splitlines()[0]}") from error
    frames = np.stack([resize(frame) for frame in batch])
    return Clip(frames[places], "decord", expected)


def _read_in_sequence(path: Path, *, pick: Pick, resize: Resize, expected: int) -> Clip:
    """Decodes every frame from the first to the last, which is right on any file."""
    indices, places = np.unique(pick(expected), return_inverse=True)
    frames, decoded = _decode(path, indices=indices, resize=resize)
    if decoded < max(1, expected - TOLERANCE):
        raise DataError(f"damaged: has {expected} frames, {decoded} could be decoded")
    if decoded != expected:  # rare: the frames were picked for another length
        return _read_in_sequence(path, pick=pick, resize=resize, expected=decoded)
    if len({frame.shape for frame in frames}) > 1:
        raise DataError("the frame size changes within the video")
    return Clip(np.stack(frames)[places], "pyav", decoded)


def _decode(
    path: Path, *, indices: npt.NDArray[np.int64], resize: Resize
) -> tuple[list[Frames], int]:
    """The frames at `indices`, and the number of frames that could be decoded."""
    wanted, frames, decoded = set(indices.tolist()), [], 0
    with open_video(path) as (container, stream):
        for frame in container.decode(stream):
            if decoded in wanted:
                turned = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
                frames.append(resize(np.ascontiguousarray(turned)))
            decoded += 1
    return frames, decoded
