"""What a name says of a file or folder: a clip, a frame of one, or something that lies beside them.

    a.mp4        a video that is read
    a.wmv        a video of a kind that is not read: told, and counted as unusable
    a.info.json  no clip, by its name: passed over, and listed apart (spm.dataset.asides)
    @eaDir/      written by a file system or an archive: passed over with all that it holds

Asked of every file at every `dvc repro`, so without a Path for each.
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
"""Not read: most of their containers do not say how long they are, so that one that is cut off
would pass for a shorter clip."""
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
    """By its extension, in any case."""
    return extension(path) in EXTENSIONS


def is_image(path: str) -> bool:
    """By its extension, in any case."""
    return extension(path) in IMAGES


def may_be_clip(path: str) -> bool:
    """Whether a file is a video by its extension, be it of a kind that is not read."""
    return extension(path) in _ALL_VIDEOS


def is_machinery(folder: str) -> bool:
    """Whether a folder of this name belongs to a file system or an archive, and not to the data."""
    return folder.lower() in _MACHINERY


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
    """Why the file is no usable clip, as far as the inventory shows; "" where it may be one."""
    if kind == "stray":
        return "a video file beside the folders of frames (dataset.kind: frame_folders)"
    if kind == "file" and not is_video(path):
        return not_read(path)
    if not key:
        return "cannot be read (no right to, or a broken link)"
    return "" if size else _EMPTY[kind]


def not_read(path: str) -> str:
    """What is said of a video of a kind that is not read."""
    return f".{extension(path)} is not read, {', '.join(EXTENSIONS)} are: turn it into one of these"


def extension(path: str) -> str:
    """In small letters, without its dot; "" where there is none."""
    return posixpath.splitext(path)[1].lower().removeprefix(".")
