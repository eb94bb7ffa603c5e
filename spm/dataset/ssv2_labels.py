"""Something-Something V2's own label files: JSON lists of {id, label, template, …}.

The training classes of SSv2-Full take the clips of both files, its validation and test classes
those of the validation file: 77,500, 1,926 and 2,857 clips, as in the paper. (Other variants train
on the 67,013 clips of the training file alone; spm.dataset.video_lists reads their published
lists.)
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spm.base.errors import ConfigError
from spm.dataset.benchmarks import Benchmark, ListedClip, normalised

LABEL_FILES = {
    "train": ("train.json", "something-something-v2-train.json"),
    "validation": ("validation.json", "something-something-v2-validation.json"),
}


def label_files(folder: Path) -> dict[str, list[Path]]:
    """Part (train, validation) -> its label files; {} if there are none at all."""
    found = {
        part: [folder / name for name in names if (folder / name).is_file()]
        for part, names in LABEL_FILES.items()
    }
    return found if any(found.values()) else {}


def clips_of_labels(
    files: Mapping[str, list[Path]], *, folder: Path, benchmark: Benchmark
) -> list[ListedClip]:
    """The clips of the benchmark's classes. Raises ConfigError for a missing or bad file."""
    for part, paths in files.items():
        if len(paths) != 1:
            found = ", ".join(path.name for path in paths) or "none"
            raise ConfigError(
                f"{folder}: one of {', '.join(LABEL_FILES[part])} is needed; found: {found}"
            )
    clips = {part: list(_clips(files[part][0], benchmark=benchmark)) for part in files}
    return [clip for clip in clips["train"] if clip.split == "train"] + clips["validation"]


def read_json(path: Path, *, kind: type) -> Any:
    """The content of a JSON file, which must be a `kind`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(content, kind):
        raise ConfigError(f"{path} must hold a JSON {kind.__name__}; got {str(content)[:40]!r}")
    return content


def _clips(path: Path, *, benchmark: Benchmark) -> Iterator[ListedClip]:
    splits, names = benchmark.splits(), benchmark.names()
    for number, entry in enumerate(read_json(path, kind=list)):
        if not isinstance(entry, dict) or not {"id", "template"} <= entry.keys():
            raise ConfigError(f"{path}: entry {number} has no id and template: {str(entry)[:80]}")
        name = names.get(normalised(entry["template"]))
        if name is not None:
            yield ListedClip(splits[name], name, str(entry["id"]))
