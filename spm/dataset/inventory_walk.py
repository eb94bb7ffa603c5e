"""Finding the clips of a data set's folder by their names and stamps; no file is read.

dataset.kind: videos                    dataset.kind: frame_folders

class/clip.mp4            file          class/clip/img_00001.jpg  }  folder, class/clip
class/clip.wmv            file          class/clip/img_00002.jpg  }
class/notes.txt           aside         class/clip/audio.wav         beside frames: not listed
class/@eaDir/…            aside, as     class/empty               folder, without frames
                          class/@eaDir/ class/clip.mp4            stray
docs/paper.pdf            aside, and    class/notes.txt           aside
                          so is docs/
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from spm.base.errors import DataError
from spm.base.file_notes import Stamp, stamp_of
from spm.config.dataset import ClipKind
from spm.video.clip_files import is_image, is_machinery, may_be_clip

UNREADABLE = Stamp(size=-1, modified=0, inode=0)
UNSEEN = Stamp(size=-1, modified=0, inode=0)
"""The stamp of every aside: a change of an aside is no change of the data set."""


class Found(NamedTuple):
    path: str
    """Relative to the data set's folder, with /."""
    stamp: Stamp
    kind: str
    """file, folder, stray or aside. Asides are files that are not clips by their names
    (spm.video.clip_files), and class folders without clips. The path of an aside that is a folder
    ends with /."""


def walk(folder: Path, *, kind: ClipKind) -> Iterator[Found]:
    """The clips and asides below `folder`; hidden files and hidden folders are skipped.

    Links are followed, and broken links listed. A link to a folder that contains the link is not
    followed, because the walk would never end. Raises DataError for a name that is not UTF-8, and
    for a folder that cannot be read.
    """
    return _walk(folder, below="", depth=0, kind=kind, way=(os.path.realpath(folder),))


def frames_in(folder: Path | str) -> list[os.DirEntry[str]]:
    """The images directly in `folder`, in no order."""
    return [entry for entry in _listing(folder)[0] if is_image(entry.name)]


def _walk(
    folder: Path | str, *, below: str, depth: int, kind: ClipKind, way: tuple[str, ...]
) -> Iterator[Found]:
    """`way`: real paths of the folders that the links on the way here lie in, and of `folder`."""
    try:
        files, folders = _listing(folder)
    except OSError as error:
        raise DataError(
            f"the folder {folder} cannot be read: {error.strerror}. Mend it, or take it away"
        ) from None
    machinery = [entry for entry in folders if is_machinery(entry.name)]
    folders = [entry for entry in folders if not is_machinery(entry.name)]
    if kind == "frame_folders" and depth:
        frames = [entry for entry in files if is_image(entry.name)]
        videos = any(may_be_clip(entry.name) for entry in files)
        # At depth 1, an empty folder is a class without clips; below, a clip that lost its frames.
        if frames or (depth > 1 and not videos and not folders):
            yield Found(_utf8(below), _stamp_of_all(frames), "folder")
            files = []
    prefix = f"{below}/" if depth else ""
    for entry in files:
        yield _file(entry, path=prefix + entry.name, kind=kind)
    for entry in machinery:
        yield _aside(f"{prefix}{entry.name}/")
    for entry in folders:
        further = (*way[:-1], f"{way[-1]}/{entry.name}")
        if entry.is_symlink():
            further = (*way, os.path.realpath(entry.path))
            if _holds_one_of(further[-1], way):
                continue
        name = prefix + entry.name
        inside = _walk(entry.path, below=name, depth=depth + 1, kind=kind, way=further)
        yield from inside if depth else _with_its_folder(inside, name=name)


def _file(entry: os.DirEntry[str], *, path: str, kind: ClipKind) -> Found:
    if not may_be_clip(entry.name):
        return _aside(path)
    return Found(_utf8(path), _stamp(entry), "file" if kind == "videos" else "stray")


def _aside(path: str) -> Found:
    """An aside. Its name is only printed, so it need not be UTF-8."""
    return Found(path.encode(errors="replace").decode(), UNSEEN, "aside")


def _with_its_folder(inside: Iterator[Found], *, name: str) -> Iterator[Found]:
    """Passes on the content of a class folder, and the folder itself as an aside without clips."""
    has_clips = False
    for each in inside:
        has_clips = has_clips or each.kind != "aside"
        yield each
    if not has_clips:
        yield _aside(f"{name}/")


def _holds_one_of(folder: str, others: tuple[str, ...]) -> bool:
    """Whether `folder` is one of `others` or above one; all are real paths."""
    return any(other == folder or other.startswith(f"{folder.rstrip('/')}/") for other in others)


def _listing(folder: Path | str) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """The files of `folder`, broken links included, and its sub-folders."""
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders.append(entry)
            elif entry.is_symlink() or entry.is_file():
                files.append(entry)
    return files, folders


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether `entry` is a folder; False for a link to itself or into a closed folder: it is
    broken."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _stamp(entry: os.DirEntry[str]) -> Stamp:
    try:
        return stamp_of(entry)
    except OSError:
        return UNREADABLE


def _stamp_of_all(frames: list[os.DirEntry[str]]) -> Stamp:
    """The stamp of a folder of frames, which changes when any frame is edited in place.

    It has the bytes of all frames, the time of the frame that changed last, and in place of an
    inode a digest of all frames' names, sizes, times and inodes.
    """
    stamps = sorted((_utf8(frame.name), _stamp(frame)) for frame in frames)
    if any(stamp == UNREADABLE for _, stamp in stamps):
        return UNREADABLE
    digest = hashlib.blake2b(repr(stamps).encode(), digest_size=7).digest()
    return Stamp(
        size=sum(stamp.size for _, stamp in stamps),
        modified=max((stamp.modified for _, stamp in stamps), default=0),
        inode=int.from_bytes(digest, "big"),
    )


def _utf8(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise DataError(f"the file name {path!r} is not UTF-8: rename the file") from None
    return path
