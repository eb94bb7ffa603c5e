"""Removes files and counts the freed space; a dry run only counts."""

from collections import Counter
from pathlib import Path


class Sweep:
    """Removes files and counts them by kind, a noun in the singular. `dry`: removes nothing."""

    def __init__(self, *, dry: bool) -> None:
        self.dry = dry
        self._files: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()

    def take(self, path: Path, *, kind: str) -> None:
        """Removes a file or link. A file with another hard link counts as 0 bytes."""
        found = path.lstat()
        self._files[kind] += 1
        self._bytes[kind] += found.st_size if found.st_nlink == 1 else 0
        if not self.dry:
            path.unlink()

    def take_folder(self, folder: Path, *, kind: str) -> None:
        """Removes a folder with all its content, without following links."""
        for path in sorted([folder, *folder.rglob("*")], reverse=True):
            if path.is_symlink() or not path.is_dir():
                self.take(path, kind=kind)
            elif not self.dry:
                path.rmdir()

    def report(self, place: Path) -> list[str]:
        """A line for each kind, and a line with the total."""
        freed = "would be freed" if self.dry else "freed"
        lines = [
            f"{number} × {kind}: {self._bytes[kind] / 1e6:.0f} MB"
            for kind, number in self._files.items()
        ]
        return [*lines, f"{self._bytes.total() / 1e6:.0f} MB {freed} in {place}"]
