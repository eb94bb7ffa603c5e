"""Reading which clips belong to a benchmark: its published video lists, or SSv2's label files.

Lists are in circulation in two styles, with one file for each split:

    trainlist03.txt      class/clip           brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0
                                              train24/51958
    train_few_shot.txt   number/…/class/file  train0//train_256/air_drumming/VtLx_000012_000022.mp4
                                              train0/51958

In both styles SSv2's classes are numbers: places in spm/dataset/benchmarks.yaml, unless a
`cls2realC.json` beside lists of the first style gives the label of each number.
"""

from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from spm.base.errors import ConfigError
from spm.base.nearest import nearest
from spm.dataset.benchmarks import Benchmark, ListedClip, normalised
from spm.dataset.splits import SPLITS
from spm.dataset.ssv2_labels import LABEL_FILES, clips_of_labels, label_files, read_json
from spm.video.clip_files import clip_name

LABELS_OF_NUMBERS = "cls2realC.json"

_CLASS_CLIP = "{split}list*.txt"
_FEW_SHOT = "{split}_few_shot.txt"


def read_clips(folder: Path, *, benchmark: Benchmark) -> list[ListedClip]:
    """The clips that the lists, or SSv2's label files, in `folder` name.

    Raises ConfigError, with file and line, for a file that is not a list, not UTF-8 or not
    complete, for lists of two kinds in one folder, a class that is not the benchmark's or is in
    another split, a clip that is listed twice, and a class without clips.
    """
    styles = [style for style in (_CLASS_CLIP, _FEW_SHOT) if _lists(folder, style)]
    labels = label_files(folder) if benchmark.lists == "or_labels" else {}
    if len(styles) + bool(labels) != 1:
        raise ConfigError(_not_one_kind(folder, styles, labels=labels, benchmark=benchmark))
    clips = (
        clips_of_labels(labels, folder=folder, benchmark=benchmark)
        if labels
        else list(_clips_of_lists(folder, style=styles[0], benchmark=benchmark))
    )
    _check_no_clip_is_listed_twice(clips, folder=folder)
    _check_each_class_has_clips(clips, folder=folder, benchmark=benchmark)
    return clips


def _lists(folder: Path, style: str) -> dict[str, list[Path]]:
    """Split -> its lists in this style; {} if there are none at all."""
    found = {split: sorted(folder.glob(style.format(split=split))) for split in SPLITS}
    return found if any(found.values()) else {}


def _clips_of_lists(folder: Path, *, style: str, benchmark: Benchmark) -> Iterator[ListedClip]:
    classes = _classes_by_label(folder, style=style, benchmark=benchmark)
    splits = benchmark.splits()
    for split, where, line in _lines(folder, style=style):
        label, name = _parts(line, style=style, benchmark=benchmark, where=where)
        class_name = classes.get(normalised(label))
        if class_name is None:
            hint = nearest(label, splits)
            raise ConfigError(f"{where}: {benchmark.title} has no class {label!r}.{hint}")
        if splits[class_name] != split:
            raise ConfigError(
                f"{where}: class {class_name!r} is in the {splits[class_name]} split of "
                f"{benchmark.title}, but is listed for {split}"
            )
        yield ListedClip(split, class_name, *benchmark.clip_of(name))


def _lines(folder: Path, *, style: str) -> Iterator[tuple[str, str, str]]:
    """Split, place (file and number) and text of every line that is not empty."""
    for split, paths in _lists(folder, style).items():
        if len(paths) != 1:
            found = ", ".join(path.name for path in paths) or "none"
            raise ConfigError(
                f"{folder}: one list for {split} is needed, {style.format(split=split)}; found: "
                f"{found}"
            )
        for number, line in enumerate(_read(paths[0]).splitlines(), start=1):
            if line.strip():
                yield split, f"{paths[0]}, line {number}", line.strip()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: {error}. Save it as UTF-8 text") from None


def _parts(line: str, *, style: str, benchmark: Benchmark, where: str) -> tuple[str, str]:
    """The class's label as the list writes it, and the name of the clip."""
    label, slash, name = line.rpartition("/")
    if not slash or not label or not name:
        raise ConfigError(f"{where}: expected class/clip; got {line!r}")
    if style == _FEW_SHOT and benchmark.clip_names == "number":
        label = line.split("/")[0]
    return PurePosixPath(label).name, clip_name(name)


def _classes_by_label(folder: Path, *, style: str, benchmark: Benchmark) -> dict[str, str]:
    """Normalised label -> class name."""
    classes = benchmark.names()
    if style == _CLASS_CLIP and (folder / LABELS_OF_NUMBERS).is_file():
        return classes | _labels_of_numbers(folder / LABELS_OF_NUMBERS, classes=classes)
    first = (benchmark.number_from or {}) if style == _CLASS_CLIP else {}
    for split, members in benchmark.classes.items():
        for number, each in enumerate(members, start=first.get(split, 0)):
            classes[f"{split}{number}"] = each.name
    return classes


def _labels_of_numbers(path: Path, *, classes: dict[str, str]) -> dict[str, str]:
    named = {}
    for number, label in read_json(path, kind=dict).items():
        name = classes.get(normalised(str(label)))
        if name is None:
            hint = nearest(str(label), classes.values())
            raise ConfigError(f"{path}: the benchmark has no class {label!r}.{hint}")
        named[number] = name
    return named


def _check_no_clip_is_listed_twice(clips: Collection[ListedClip], *, folder: Path) -> None:
    seen: dict[str, ListedClip] = {}
    for clip in clips:
        other = seen.setdefault(clip.clip, clip)
        if other is not clip:
            raise ConfigError(
                f"{folder}: clip {clip.clip!r} is listed twice, for class {other.class_name!r} "
                f"({other.split}) and for class {clip.class_name!r} ({clip.split})"
            )


def _check_each_class_has_clips(
    clips: Collection[ListedClip], *, folder: Path, benchmark: Benchmark
) -> None:
    empty = benchmark.without_clips(clips)
    if empty:
        raise ConfigError(
            f"{folder} lists no clip of these classes of {benchmark.title}: {', '.join(empty)}. "
            "Put the whole lists there"
        )


def _not_one_kind(
    folder: Path, styles: Collection[str], *, labels: Collection[str], benchmark: Benchmark
) -> str:
    """The message: which files are there, and which are wanted."""
    kinds = [style.format(split="train") for style in (_CLASS_CLIP, _FEW_SHOT)]
    wanted = " or ".join(
        [*kinds, *(LABEL_FILES["train"] if benchmark.lists == "or_labels" else [])]
    )
    if styles or labels:
        return f"{folder} holds lists of more than one kind: keep one ({wanted}, …)"
    return f"{folder} holds none of the lists of {benchmark.title}: put {wanted}, … there"
