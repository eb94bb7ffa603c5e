"""The five benchmarks in miniature: two tiny clips of every class, as the archives lay them out.

Names, containers, codecs and list formats are the real ones; clips and ids are made up. Each has
one file twice, one that belongs to nothing, and, but for HMDB51, which comes without lists, one
listed clip without a file.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from bench.burnt import write_clip
from spm.dataset.benchmarks import load_benchmark
from tests.toy_benchmark import write

CLIPS = 2
"""Of a class: enough for 1 shot and 1 query."""


def hmdb51(videos: Path, lists: Path) -> None:
    for number, _, name, clip in _clips("hmdb51"):
        _avi(videos / "hmdb51_org" / name / f"#{clip}_Some_Film!_{name}_u_nm_np1_fr_med_0", number)
    _avi(videos / "copy" / "wave" / "#0_Some_Film!_wave_u_nm_np1_fr_med_0", 0)
    (videos / "hmdb51_org" / "readme.txt").write_text("about")


def ucf101(videos: Path, lists: Path) -> None:
    """Lists of the style class/clip, though it needs none; a file name in another writing."""
    listed: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, split, name, clip in _clips("ucf101"):
        file = f"v_{name}_g01_c{clip:02d}"
        _avi(videos / "UCF-101" / name / file.replace("Handstand", "HandStand"), number)
        listed[split].append(f"{name}/{file}")
    listed["test"].append("Surfing/v_Surfing_g25_c07")
    _avi(videos / "copy" / "v_Surfing_g01_c00", 0)
    _avi(videos / "UCF-101" / "Surfing" / "v_Surfing_g99_c99", 0)
    _write_lists(lists, "{}list03.txt", listed)


def kinetics100(videos: Path, lists: Path) -> None:
    """Few-shot lists with seconds; folders with spaces, mp4 and mkv, files with and without."""
    listed: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number, split, name, clip in _clips("kinetics100"):
        video, seconds = f"{number:03d}-_{clip}aBcDe", f"_{number:06d}_{number + 10:06d}"
        folder = videos / ("val_256" if clip else "train_256") / name.replace("_", " ")
        _h264(folder / (f"{video}.mkv" if clip else f"{video}{seconds}.mp4"), number)
        place = load_benchmark("kinetics100").classes[split]
        label = [each.name for each in place].index(name)
        listed[split].append(f"{split}{label}//train_256/{name}/{video}{seconds}.mp4")
    listed["test"].append("test23//train_256/unboxing/gone_away_1_000001_000011.mp4")
    _h264(videos / "more" / "000-_0aBcDe.mp4", 0)
    _h264(videos / "more" / "unknown_id1_000000_000010.mp4", 0)
    _write_lists(lists, "{}_few_shot.txt", listed)


def ssv2_small(videos: Path, lists: Path) -> None:
    """Lists of the style class/clip with the labels of the numbers; all files in one folder."""
    listed: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    labels = {}
    first = load_benchmark("ssv2_small").number_from or {}
    names = load_benchmark("ssv2_small").classes
    for number, split, name, _ in _clips("ssv2_small"):
        label = f"{split}{first[split] + [each.name for each in names[split]].index(name)}"
        labels[label] = name
        listed[split].append(f"{label}/{1000 + number}")
        _webm(videos / "20bn-something-something-v2" / str(1000 + number), number)
    listed["test"].append("test0/7")
    _webm(videos / "more" / "1000", 0)
    _webm(videos / "20bn-something-something-v2" / "9", 0)
    _write_lists(lists, "{}list03.txt", listed)
    write(lists, cls2realC__json=json.dumps(labels))


def ssv2_full(videos: Path, lists: Path) -> None:
    """SSv2's own label files, with their templates and classes that are none of ours."""
    files: dict[str, list[dict[str, object]]] = {"train": [], "validation": []}
    for number, split, name, clip in _clips("ssv2_full"):
        template = name.replace("something", "[something]")
        entry = {"id": str(number), "label": "so and so", "template": template, "placeholders": []}
        files["train" if split == "train" and clip else "validation"].append(entry)
        _webm(videos / "20bn-something-something-v2" / str(number), number)
    gone = {"id": "5000", "label": "", "template": "Tipping [something] over"}
    other = {"id": "5001", "label": "", "template": "Burying [something] in [something]"}
    files["validation"] += [gone, other]
    _webm(videos / "more" / "0", 0)
    _webm(videos / "20bn-something-something-v2" / "5001", 0)
    for part, entries in files.items():
        write(lists)
        (lists / f"something-something-v2-{part}.json").write_text(json.dumps(entries))


def _clips(benchmark: str) -> Iterator[tuple[int, str, str, int]]:
    """A number of its own, split, class and number within the class, of every clip."""
    splits = load_benchmark(benchmark).splits()
    pairs = [(name, clip) for name in splits for clip in range(CLIPS)]
    for number, (name, clip) in enumerate(pairs):
        yield number, splits[name], name, clip


def _write_lists(folder: Path, name: str, listed: dict[str, list[str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for split, lines in listed.items():
        (folder / name.format(split)).write_text("\n".join(lines) + "\n")


def _avi(path: Path, number: int) -> None:
    _write(path.with_name(f"{path.name}.avi"), number, codec="mpeg4")


def _webm(path: Path, number: int) -> None:
    options = {"deadline": "realtime", "cpu-used": "8"}
    _write(path.with_name(f"{path.name}.webm"), number, codec="libvpx-vp9", options=options)


def _h264(path: Path, number: int) -> None:
    _write(path, number, codec="libx264")


def _write(path: Path, number: int, **how) -> None:
    write_clip(path, num_frames=8, size=(48, 32), first=number % 200, **how)
