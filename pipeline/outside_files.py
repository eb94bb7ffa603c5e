"""What the points of a grid read and neither git nor DVC holds: weights, models, videos."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.places import data_root, inventory_cache
from spm.config.dataset import BUILT_IN, ClipKind
from spm.hashing import cheap_key, value_hash
from spm.inventory import scan


class OutsideFiles:
    """The contents of such files. A data set is scanned once, whatever the number of points.

    `root` is the project's folder, which relative paths start from. In the state folder `state` the
    keys of clips are remembered, for the stage `inventory` as well.
    """

    def __init__(self, *, root: Path, state: Path) -> None:
        self._root, self._state = root, state
        self._videos = cache(self._scan)

    def of(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Name -> content key, of all that a point with these parameters reads."""
        found = {path: _content(self._root / path) for path in outside_paths(parameters)}
        name, kind = parameters["dataset"]["name"], parameters["dataset"]["kind"]
        if name != BUILT_IN:
            folder = data_root(parameters["runtime"]["root"], root=self._root) / name
            found["videos"] = self._videos(folder, kind)
        return {path: content for path, content in found.items() if content}

    def _scan(self, folder: Path, kind: ClipKind) -> str:
        if not folder.is_dir():
            return "absent"
        clips = scan(folder, kind=kind, cache=inventory_cache(folder, state=self._state))
        return value_hash(clips.to_pylist())


def outside_paths(parameters: Mapping[str, Any]) -> list[str]:
    """What may be the path of a file: weights can also be a tag of open_clip."""
    values = [parameters["model"]["init_from"], parameters["backbone"]["weights"]]
    return [value for value in values if value is not None]


def _content(path: Path) -> str:
    """ "" where there is nothing."""
    if path.is_dir():
        return value_hash({file.name: cheap_key(file) for file in path.iterdir() if file.is_file()})
    return cheap_key(path) if path.is_file() else ""
