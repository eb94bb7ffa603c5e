"""Which files of a folder are which clips of a benchmark.

With video lists, a file is found by its name, in whatever folder it lies. Without lists, the
folders decide: a video in a folder with a class's name, in any spelling, is a clip of that class.
"""

import posixpath
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from spm.base.errors import DataError
from spm.dataset.benchmarks import CUSTOM, Benchmark, ListedClip, Variant, normalised
from spm.video.clip_files import File, clip_name, is_clip, unusable

NOT_LISTED = "not in the published lists"
NOT_IN_A_CLASS = "not in the folder of a class"
MISSING = "listed, but no file has its name"
FOLDERS = Variant(name="class_folders", digest="", says="what the class folders hold")

Row = dict[str, str]
Found = Mapping[ListedClip, Sequence[File]]


class Published(NamedTuple):
    """A benchmark with its own split."""

    name: str
    benchmark: Benchmark
    clips: Sequence[ListedClip] | None
    """The clips that the lists name; None if the class folders decide."""


def published_rows(files: Sequence[File], *, published: Published) -> tuple[list[Row], Variant]:
    """The manifest's rows, without the class texts, and the variant that their clips are.

    Every clip has a row whose id is class/clip, with the status ok, rejected or missing. Every
    further file of a clip has a row with the status duplicate. Every other file has a rejected row
    without a split. Raises DataError for a class without videos if the folders decide.
    """
    benchmark, clips = published.benchmark, published.clips
    if clips is None:
        found, others = _in_folders(files, benchmark=benchmark)
        _check_each_class_has_clips(found, benchmark=benchmark)
        variant = benchmark.variant_of(found, otherwise=FOLDERS)
    else:
        found, others = _in_lists(files, clips=clips, benchmark=benchmark)
        variant = benchmark.variant_of(clips, otherwise=CUSTOM)
    reason = NOT_IN_A_CLASS if clips is None else NOT_LISTED
    rows = [row for clip, its_files in found.items() for row in _rows(clip, its_files)]
    return rows + [_left_out(file, reason=reason) for file in others], variant


def _in_folders(files: Sequence[File], *, benchmark: Benchmark) -> tuple[Found, list[File]]:
    """The videos in class folders as clips, and the other files."""
    splits, names = benchmark.splits(), benchmark.names()
    found: dict[ListedClip, list[File]] = defaultdict(list)
    others = []
    for file in files:
        folder = posixpath.basename(posixpath.dirname(file["path"]))
        class_name = names.get(normalised(folder))
        if class_name is not None and is_clip(file):
            clip, _ = benchmark.clip_of(clip_name(file["path"]))
            found[ListedClip(splits[class_name], class_name, clip)].append(file)
        else:
            others.append(file)
    return found, others


def _in_lists(
    files: Sequence[File], *, clips: Sequence[ListedClip], benchmark: Benchmark
) -> tuple[Found, list[File]]:
    """Every listed clip with its files (there may be none), and the other files."""
    wanted = {_key(clip.clip, benchmark): clip for clip in clips}
    found: dict[ListedClip, list[File]] = {clip: [] for clip in clips}
    others = []
    for file in files:
        name, seconds = benchmark.clip_of(clip_name(file["path"]))
        clip = wanted.get(_key(name, benchmark))
        if clip is not None and is_clip(file) and _same(seconds, clip.seconds):
            found[clip].append(file)
        else:
            others.append(file)
    return found, others


def _key(clip: str, benchmark: Benchmark) -> str:
    """The key of a clip's name. File names lose their case in archives; YouTube ids need theirs."""
    return clip.casefold() if benchmark.clip_names == "file" else clip


def _same(seconds: str, listed: str) -> bool:
    """Whether both may be one part of a video: they are equal, or one of them is not given."""
    return seconds == listed or not seconds or not listed


def _check_each_class_has_clips(found: Found, *, benchmark: Benchmark) -> None:
    empty = benchmark.without_clips(found)
    if empty:
        raise DataError(
            f"the folder holds no videos of these classes of {benchmark.title}: "
            f"{', '.join(empty)}. Each wants a folder of its name, at any depth, with its videos"
        )


def _rows(clip: ListedClip, files: Sequence[File]) -> Iterator[Row]:
    row = {"id": clip.id, "class": clip.class_name, "split": clip.split}
    if not files:
        yield row | {"path": "", "key": "", "status": "missing", "reason": MISSING}
        return
    first, *others = sorted(files, key=lambda file: (bool(unusable(**file)), file["path"]))
    reason, place = unusable(**first), {"path": first["path"], "key": first["key"]}
    yield row | place | {"status": "rejected" if reason else "ok", "reason": reason}
    for file in others:
        place = {"path": file["path"], "key": file["key"]}
        about = {"status": "duplicate", "reason": f"duplicate: {first['path']} is read"}
        yield row | place | about | {"id": f"{clip.id} ({file['path']})"}


def _left_out(file: File, *, reason: str) -> Row:
    place = {"id": file["path"], "path": file["path"], "key": file["key"], "class": "", "split": ""}
    return place | {"status": "rejected", "reason": unusable(**file) or reason}
