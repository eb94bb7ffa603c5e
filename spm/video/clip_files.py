"""Whether a file or folder is a clip, a frame of a clip, or neither (an aside), by its name.

    a.mp4        a video that is read
    a.wmv        a video of a kind that is not read: reported, and counted as unusable
    a.info.json  not a clip, by its name: ignored, and listed apart (spm.dataset.asides)
    @eaDir/      written by a file system or an archive: ignored with all that it holds

Every `dvc repro` calls these functions for every file, so they create no Path objects.
"""

import posixpath
from collections.abc import Mapping
from typing import Any

EXTENSIONS = ("mp4", "mov", "avi", "mkv", "webm", "m4v", "3gp")
IMAGES = ("jpg", "jpeg", "png")

_OTHER_VIDEOS = (
    *("mpg", "mpeg", "mpe", "m1v", "m2v", "vob", "ts", "mts", "m2t", "m2ts"),
    *("wmv", "asf", "flv", "f4v", "gif", "ogv", "ogm", "rm", "rmvb", "divx", "xvid"),
    *("3g2", "dv", "mxf", "ivf", "y4m", "yuv", "264", "h264", "265", "h265", "hevc"),
)
"""Videos that are not read: most of their containers do not store their length, so that a truncated
file would pass for a shorter clip."""
_ALL_VIDEOS = frozenset((*EXTENSIONS, *_OTHER_VIDEOS))
_MACHINERY = (
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp"),  # a NAS's
    *("$recycle.bin", "recycler", "system volume information", "lost+found"),
    *("__macosx", "__pycache__"),
)

_EMPTY = {"file": "zero bytes", "folder": f"no frames ({', '.join(IMAGES)}), or empty ones"}

File = Mapping[str, Any]
"""A row of the inventory: path, size, key, kind (see spm.dataset.inventory)."""


def is_video(path: str) -> bool:
    """Whether `path` has the extension of a video that is read, in any case."""
    return extension(path) in EXTENSIONS


def is_image(path: str) -> bool:
    """Whether `path` has the extension of an image, in any case."""
    return extension(path) in IMAGES


def may_be_clip(path: str) -> bool:
    """Whether a file has the extension of a video, be it of a kind that is not read."""
    return extension(path) in _ALL_VIDEOS


def is_machinery(folder: str) -> bool:
    """Whether a folder of this name belongs to a file system or an archive, and not to the data."""
    return folder.lower() in _MACHINERY


def is_clip(file: File) -> bool:
    """Whether an inventory's row is a clip: a video file that is read, or a folder of frames."""
    return file["kind"] == "folder" or (file["kind"] == "file" and is_video(file["path"]))


def clip_name(path: str) -> str:
    """The last part of a path, without the extension of a video.

    >>> clip_name("train_256/blasting sand/6Z267m0nKuo.mkv")
    '6Z267m0nKuo'
    """
    name = posixpath.basename(path)
    return posixpath.splitext(name)[0] if is_video(path) else name


def unusable(path: str, *, size: int, key: str, kind: str) -> str:
    """Why the file is no usable clip, as far as the inventory shows; "" if it may be one."""
    if kind == "stray":
        return "a video file beside the folders of frames (dataset.kind: frame_folders)"
    if kind == "file" and not is_video(path):
        return not_read(path)
    if not key:
        return "cannot be read (no right to, or a broken link)"
    return "" if size else _EMPTY[kind]


def not_read(path: str) -> str:
    """The message about a video of a kind that is not read."""
    return f".{extension(path)} is not read, {', '.join(EXTENSIONS)} are: turn it into one of these"


def extension(path: str) -> str:
    """The extension in small letters, without its dot; "" if there is none."""
    return posixpath.splitext(path)[1].lower().removeprefix(".")
