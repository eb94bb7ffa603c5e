"""A recognizer as one zip file: written for the user, and checked before it is unpacked.

Only the files that a recognizer has are taken, safetensors and JSON; no paths, links or passwords,
and no more bytes than allowed, whatever the zip says of itself. `load_recognizer` then checks what
is in them.
"""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from spm.base.errors import DataError
from spm.base.printable import printable
from spm.recognition.recognizer_folder import EXAMPLES, FILE
from spm.video.clip_files import is_machinery

NEEDED = (FILE, EXAMPLES, "model.safetensors", "config.json")
OPTIONAL = ("calibration.json", "background.safetensors")
_CHUNK = 1 << 20


def pack(folder: Path, path: Path) -> None:
    """Writes the recognizer's folder as a zip. Safetensors hardly shrink, and are only stored."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in (*NEEDED, *OPTIONAL):
            if (folder / name).is_file():
                archive.write(folder / name, name)


def unpack(path: Path, folder: Path, *, max_bytes: int) -> None:
    """Writes the zip's files to the new `folder`.

    They may lie in one folder of the zip. Raises DataError for a file that is no zip, or one with
    other files than a recognizer's, or more than `max_bytes`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive)
            _check(members, max_bytes=max_bytes)
            folder.mkdir()
            left = max_bytes
            for name, member in members.items():
                left -= _write(archive, member, folder / name, most=left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"this is no zip that can be read ({error}): save the recognizer again"
        ) from None


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """File name -> its entry, without what a Mac adds. Raises DataError for an entry that no
    recognizer has."""
    found: dict[str, zipfile.ZipInfo] = {}
    folders = set()
    for member in archive.infolist():
        path = PurePosixPath(member.filename)
        if member.is_dir() or path.name == ".DS_Store" or any(map(is_machinery, path.parts[:-1])):
            continue
        if "\\" in member.filename or ".." in path.parts or path.is_absolute():
            raise DataError(
                f"the zip has the path {printable(member.filename)}: it was not saved here"
            )
        if path.name not in (*NEEDED, *OPTIONAL) or len(path.parts) > 2:
            raise DataError(
                f"the zip has {printable(member.filename)}, and a recognizer has "
                f"{', '.join((*NEEDED, *OPTIONAL))} alone"
            )
        if stat.S_ISLNK(member.external_attr >> 16):
            raise DataError(f"{path.name} in the zip is a link, and no file")
        if member.flag_bits & 1:
            raise DataError(f"{path.name} in the zip has a password: save it without one")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"{path.name} in the zip is packed in a way that few can read: zip it anew"
            )
        if path.name in found:
            raise DataError(f"the zip has {path.name} twice")
        folders.add(path.parent)
        found[path.name] = member
    if len(folders) > 1:
        raise DataError("the zip's files lie in several folders: a recognizer is one folder")
    return found


def _check(members: dict[str, zipfile.ZipInfo], *, max_bytes: int) -> None:
    if missing := [name for name in NEEDED if name not in members]:
        raise DataError(
            f"the zip is no recognizer: it lacks {', '.join(missing)}. Give one that Save made, or "
            "the zipped folder of `clip-spm enroll`"
        )
    if sum(member.file_size for member in members.values()) > max_bytes:
        raise DataError(_too_large(max_bytes))


def _write(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, *, most: int) -> int:
    """Bytes that were written."""
    written = 0
    with archive.open(member) as source, open(path, "xb") as target:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > most:
                raise DataError(_too_large(most))
            target.write(chunk)
    return written


def _too_large(max_bytes: int) -> str:
    return (
        f"the zip's files have more than the {max_bytes / 2**20:.3g} MB that this page takes: "
        "start it with a larger --max-mb"
    )
