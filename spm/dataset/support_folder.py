"""The support set of `predict` and `enroll`: a folder with one folder for each class.

    my_classes/pouring_water/a.mp4
    my_classes/pouring_water/monday/b.mp4        sub-folders of a class do not matter
    my_classes/opening_a_door/c/img_00001.jpg    a folder of frames

Clips and asides are told apart as in a data set (spm.dataset.inventory_walk), but videos and
folders of frames may lie side by side.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from spm.base.errors import DataError
from spm.base.printable import printable
from spm.dataset.asides import summary, without_clips
from spm.dataset.folder_layout import Layout, look
from spm.dataset.inventory_walk import Found, walk
from spm.dataset.names import composed
from spm.video.clip_files import EXTENSIONS, is_video, not_read


def find_support(folder: Path) -> dict[str, list[Path]]:
    """Class name -> its clips, both sorted. Raises DataError if `folder` is no support set."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one with a folder of clips for each class")
    _check_names(folder)
    held = _look_into(folder)
    _check_read(held.videos, folder=folder)
    _check_layout(held.clips, folder=folder)
    classes = _classes(held.clips, folder=folder)
    bare = without_clips(held.asides, clips=held.clips)
    if len(classes) + len(bare) < 2:
        found = ", ".join([*classes, *bare]) or "none"
        raise DataError(
            f"{folder} needs at least two class folders to choose between; found: {found}"
        )
    if bare:
        empty = ", ".join(f"{folder / name} (it holds {what})" for name, what in bare.items())
        raise DataError(
            f"no clips in {empty}: each class needs at least one ({', '.join(EXTENSIONS)}, or a "
            "folder of frames)"
        )
    return classes


def find_clips(folder: Path) -> list[Path]:
    """The clips of the class whose folder this is, sorted. Raises DataError if there are none."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder: give one that holds the clips of a class")
    _check_name(folder)
    held = _look_into(folder, depth=0)
    _check_read(held.videos, folder=folder)
    if not held.clips:
        raise DataError(
            f"no clips in {folder}: a class needs at least one ({', '.join(EXTENSIONS)}, or a "
            "folder of frames)"
        )
    return [folder / path for path in held.clips]


def passed_over(folder: Path) -> list[str]:
    """Lines about the files in the support folder that are not used."""
    held = _look_into(folder)
    notes = [f"no clips by their names: {summary(held.asides)}"] if summary(held.asides) else []
    loose = [path for path in held.clips if "/" not in path]
    notes += [f"in no class folder: {', '.join(loose)}"] if loose else []
    return [f"passed over, {note}" for note in notes]


class _Held(NamedTuple):
    """Paths below the support folder."""

    videos: list[str]
    """Videos, also of kinds that are not read."""
    frames: list[str]
    """Folders of frames."""
    asides: list[str]
    """See spm.dataset.asides."""

    @property
    def clips(self) -> list[str]:
        return sorted([*self.videos, *self.frames])


def _look_into(folder: Path, *, depth: int = 1) -> _Held:
    """Videos, folders of frames and asides below `folder`.

    A folder that contains videos is no folder of frames: the images in it are asides. depth: the
    folders between `folder` and a folder of frames, at least; the class folder is one.
    """
    files = list(walk(folder, kind="videos"))
    videos = [each.path for each in files if each.kind == "file"]
    with_videos = {path.rpartition("/")[0] for path in videos}
    frames = [
        each.path
        for each in walk(folder, kind="frame_folders")
        if _holds_frames(each) and each.path.count("/") >= depth and each.path not in with_videos
    ]
    within = tuple(f"{path}/" for path in frames)
    asides = [each.path for each in files if each.kind == "aside"]
    return _Held(videos, frames, [path for path in asides if not path.startswith(within)])


def _holds_frames(found: Found) -> bool:
    return found.kind == "folder" and found.stamp.size != 0


def _classes(clips: Iterable[str], *, folder: Path) -> dict[str, list[Path]]:
    classes: dict[str, list[Path]] = defaultdict(list)
    for path in clips:
        name, in_a_folder, _ = path.partition("/")
        if in_a_folder:
            classes[composed(name)].append(folder / path)
    return dict(sorted(classes.items()))


def _check_names(folder: Path) -> None:
    """Checks folders without clips too: the error about missing clips prints their names."""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(".") and path.is_dir():
            _check_name(path)


def _check_name(folder: Path) -> None:
    if os.fsencode(folder.name) != folder.name.encode(errors="replace"):
        raise DataError(
            f"the class folder {printable(folder)} has a name that is not UTF-8: rename it"
        )


def _check_read(videos: Iterable[str], *, folder: Path) -> None:
    problems = [f"  {folder / path}: {not_read(path)}" for path in videos if not is_video(path)]
    if problems:
        raise DataError("\n".join(["support clips that cannot be read:", *problems]))


def _check_layout(clips: list[str], *, folder: Path) -> None:
    """A class may be called train or test: folders of these names that hold clips are classes."""
    layout = look(clips)
    if layout is not None and layout.kind != "splits without classes":
        raise DataError(f"{folder} holds {layout.says}: {_remedy(layout, folder=folder)}")


def _remedy(layout: Layout, *, folder: Path) -> str:
    if layout.kind == "loose":
        return "put the clips of each class into a folder of its name"
    return f"give the folder that has the class folders, {folder / layout.inside}"
