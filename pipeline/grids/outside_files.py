"""Files that the points of a grid read and neither git nor DVC holds: weights, models, videos."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.machine.places import data_root, hash_memory, inventory_cache, outside_paths
from spm.base.hashing import value_hash
from spm.base.on_disk import as_on_disk
from spm.base.remembered_hash import remembered_hash
from spm.config.dataset import BUILT_IN, ClipKind
from spm.dataset.asides import clips_of
from spm.dataset.inventory import scan


class OutsideFiles:
    """Content keys of outside files. A data set is scanned once, whatever the number of points.

    `root` is the project's folder, from which relative paths start. The state folder `state` keeps
    the keys of clips and the hashes of weights, which the stage `inventory` uses as well.
    """

    def __init__(self, *, root: Path, state: Path) -> None:
        self._root, self._state = root, state
        self._videos = cache(self._scan)

    def of(self, parameters: Mapping[str, Any]) -> dict[str, str]:
        """Name -> content key, of all outside files that a point with these parameters reads."""
        found = {path: self._content(self._root / path) for path in outside_paths(parameters)}
        name, kind = parameters["dataset"]["name"], parameters["dataset"]["kind"]
        if name not in BUILT_IN:
            folder = as_on_disk(data_root(parameters["runtime"]["root"], root=self._root) / name)
            found["videos"] = self._videos(folder, kind)
        return {path: content for path, content in found.items() if content}

    def _content(self, path: Path) -> str:
        """The content key of a file, or of the files in a folder; "" if `path` does not exist."""
        memory = hash_memory(self._state)
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.is_file())
            return value_hash([[file.name, remembered_hash(file, memory=memory)] for file in files])
        return remembered_hash(path, memory=memory) if path.is_file() else ""

    def _scan(self, folder: Path, kind: ClipKind) -> str:
        if not folder.is_dir():
            return "absent"
        clips = scan(folder, kind=kind, cache=inventory_cache(folder, state=self._state))
        return value_hash(clips_of(clips).to_pylist())
