"""What to do about a model folder that is damaged, or lacks a file."""

from pathlib import Path

_TRAINED_HERE = ("data", "model")
_RECOGNIZER = "recognizer.json"


def remedy(folder: Path) -> str:
    """The end of an error about `folder`: how it is made again."""
    if folder.absolute().parts[-2:] == _TRAINED_HERE:
        return "`dvc repro train` restores it, or trains it again"
    if (folder / _RECOGNIZER).is_file():
        return "copy the recognizer again from where it is whole, or enroll it again"
    return "copy the folder again from where it is whole, or give another model folder"
