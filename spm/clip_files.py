"""What the inventory shows of a file: its name as a clip, and whether it can be one."""

from pathlib import PurePosixPath

EXTENSIONS = ("mp4", "mov", "avi", "mkv", "webm")


def is_video(path: str) -> bool:
    """By its extension, in any case."""
    return _extension(path) in EXTENSIONS


def clip_name(path: str) -> str:
    """The last part of a path, without the extension of a video.

    >>> clip_name("train_256/blasting sand/6Z267m0nKuo.mkv")
    '6Z267m0nKuo'
    """
    return PurePosixPath(path).stem if is_video(path) else PurePosixPath(path).name


def unusable(path: str, *, size: int, key: str) -> str:
    """Why the file is no clip, as far as the inventory shows; "" where it may be one."""
    if not is_video(path):
        return f"not a video file: .{_extension(path)} is none of {', '.join(EXTENSIONS)}"
    if not key:
        return "cannot be read (no right to, or a broken link)"
    return "zero bytes" if size == 0 else ""


def _extension(path: str) -> str:
    return PurePosixPath(path).suffix.lower().removeprefix(".")
