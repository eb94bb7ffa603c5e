"""What the inventory shows of a clip: a video file or a folder of frames, its name, its use.

Asked of every file at every `dvc repro`, so without a Path for each.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

EXTENSIONS = ("mp4", "mov", "avi", "mkv", "webm")
IMAGES = ("jpg", "jpeg", "png")

_EMPTY = {"file": "zero bytes", "folder": f"no frames ({', '.join(IMAGES)}), or empty ones"}

File = Mapping[str, Any]
"""A row of the inventory: path, size, key, kind (see spm.inventory)."""


def is_video(path: str) -> bool:
    """By its extension, in any case."""
    return _extension(path) in EXTENSIONS


def is_image(path: str) -> bool:
    """By its extension, in any case."""
    return _extension(path) in IMAGES


def is_clip(file: File) -> bool:
    """Whether it is of the data set's kind: a video file, or a folder of frames."""
    return file["kind"] == "folder" or (file["kind"] == "file" and is_video(file["path"]))


def clip_name(path: str) -> str:
    """The last part of a path, without the extension of a video.

    >>> clip_name("train_256/blasting sand/6Z267m0nKuo.mkv")
    '6Z267m0nKuo'
    """
    name = posixpath.basename(path)
    return posixpath.splitext(name)[0] if is_video(path) else name


def unusable(path: str, *, size: int, key: str, kind: str) -> str:
    """Why the file is no clip, as far as the inventory shows; "" where it may be one."""
    if kind == "stray":
        what = "a video file" if is_video(path) else "a file"
        return f"{what} beside the folders of frames (dataset.kind: frame_folders)"
    if kind == "file" and not is_video(path):
        return _no_video(path)
    if not key:
        return "cannot be read (no right to, or a broken link)"
    return "" if size else _EMPTY[kind]


def _no_video(path: str) -> str:
    if is_image(path):
        return "an image, no video: of folders of frames, dataset.kind is frame_folders"
    return f"not a video file: .{_extension(path)} is none of {', '.join(EXTENSIONS)}"


def _extension(path: str) -> str:
    return posixpath.splitext(path)[1].lower().removeprefix(".")
