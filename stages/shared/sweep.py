"""Removing files, and saying what that freed; or, in a dry run, what it would free."""

from collections import Counter
from pathlib import Path


class Sweep:
    """Counts what it removes, by kind: a word in the singular. In a `dry` run all stays."""

    def __init__(self, *, dry: bool) -> None:
        self.dry = dry
        self._files: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def take(self, path: Path, *, kind: str) -> None:
        """A file that has another name takes no space of its own, and is counted as 0."""
        found = path.lstat()
        self._files[kind] += 1
        self._bytes[kind] += found.st_size if found.st_nlink == 1 else 0
        if not self.dry:
            path.unlink()

    def take_folder(self, folder: Path, *, kind: str) -> None:
        """With all that is in it; links are not followed."""
        for path in sorted([folder, *folder.rglob("*")], reverse=True):
            if path.is_symlink() or not path.is_dir():
                self.take(path, kind=kind)
            elif not self.dry:
                path.rmdir()

    def report(self, place: Path) -> list[str]:
        """A line for each kind, and one for all."""
        freed = "would be freed" if self.dry else "freed"
        lines = [
            f"{number} × {kind}: {self._bytes[kind] / 1e6:.0f} MB"
            for kind, number in self._files.items()
        ]
        return [*lines, f"{self._bytes.total() / 1e6:.0f} MB {freed} in {place}"]
