"""A recognizer as a zip: the same recognizer again, and nothing else gets in."""

import json
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from spm.base.errors import DataError
from spm.model.towers import table
from spm.page.archive import NEEDED, pack, unpack
from spm.page.jobs.keep import load
from spm.page.limits import PageLimits
from spm.recognition.recognizer import Recognizer
from spm.recognition.recognizer_folder import load_recognizer
from tests import models
from tests.recognition.examples import video

MOST = 1 << 20


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved")
    examples = {name: [video(folder / f"{name}.mp4", seed=ord(name))] for name in "ab"}
    model = models.build(method="otam").float()
    Recognizer.enroll(model, examples, false_alarms=None).save(folder / "kitchen")
    return folder / "kitchen"


@pytest.fixture
def packed(saved: Path, tmp_path: Path) -> Path:
    pack(saved, tmp_path / "kitchen.zip")
    return tmp_path / "kitchen.zip"


def zipped(path: Path, files: dict[str, bytes], **values: object) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            for key, value in values.items():
                setattr(info, key, value)
            archive.writestr(info, content)
    return path


def whole(**more: bytes) -> dict[str, bytes]:
    return dict.fromkeys(NEEDED, b"{}") | more


def test_what_was_packed_is_the_same_recognizer(packed: Path, saved: Path, tmp_path: Path) -> None:
    unpack(packed, tmp_path / "new", max_bytes=MOST)
    files = {path.name: path.read_bytes() for path in saved.iterdir()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "new").iterdir()} == files
    assert [*load_recognizer(tmp_path / "new").classes] == ["a", "b"]


def test_its_files_may_lie_in_one_folder(saved: Path, tmp_path: Path) -> None:
    files = {f"kitchen/{path.name}": path.read_bytes() for path in saved.iterdir()}
    unpack(zipped(tmp_path / "k.zip", files), tmp_path / "new", max_bytes=MOST)
    assert (tmp_path / "new/recognizer.json").is_file()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"../recognizer.json": b"{}"}, "was not saved here"),
        ({"/tmp/recognizer.json": b"{}"}, "was not saved here"),
        ({"a\\..\\recognizer.json": b"{}"}, "was not saved here"),
        ({"a/b/recognizer.json": b"{}"}, "a recognizer has"),
        (whole(**{"model.pkl": b"x"}), "the zip has model.pkl, and a recognizer has"),
        (whole(**{"model.safetensors.pt": b"x"}), "model.safetensors.pt, and a recognizer has"),
        (whole(**{"other/config.json": b"{}"}), "config.json twice"),
        ({"a/recognizer.json": b"{}", "b/config.json": b"{}"}, "several folders"),
        ({"recognizer.json": b"{}"}, "it lacks examples.safetensors, model.safetensors"),
        ({}, "it lacks recognizer.json"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    path = zipped(tmp_path / "bad.zip", files)
    with pytest.raises(DataError, match=words.replace("\\", "\\\\")):
        unpack(path, tmp_path / "new", max_bytes=MOST)
    assert {each.name for each in tmp_path.iterdir()} == {"bad.zip"}


def test_what_a_mac_adds_is_passed_over(tmp_path: Path) -> None:
    of_a_mac = ("kitchen/.DS_Store", ".DS_Store", "__MACOSX/kitchen/._config.json")
    added = dict.fromkeys(of_a_mac, b"x")
    files = {f"kitchen/{name}": content for name, content in whole().items()} | added
    unpack(zipped(tmp_path / "a.zip", files), tmp_path / "new", max_bytes=MOST)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {*NEEDED}


def test_a_link_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "l.zip", whole(), external_attr=(stat.S_IFLNK | 0o777) << 16)
    with pytest.raises(DataError, match="is a link"):
        unpack(path, tmp_path / "new", max_bytes=MOST)


def test_more_bytes_than_allowed_are_refused_before_one_is_written(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NEEDED:
            archive.writestr(name, bytes(MOST))
    assert path.stat().st_size < MOST / 100
    with pytest.raises(DataError, match="more than the 1 MB that this page takes"):
        unpack(path, tmp_path / "new", max_bytes=MOST)
    assert not (tmp_path / "new").exists()


def test_a_zip_that_lies_about_its_sizes_writes_no_more(tmp_path: Path) -> None:
    path = tmp_path / "liar.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NEEDED:
            archive.writestr(name, bytes(MOST))
    content = path.read_bytes().replace(struct.pack("<I", MOST), struct.pack("<I", 9))
    path.write_bytes(content)
    with pytest.raises(DataError):
        unpack(path, tmp_path / "new", max_bytes=MOST)
    assert sum(each.stat().st_size for each in (tmp_path / "new").glob("*")) <= MOST


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"no zip that can be read|is no recognizer"):
        unpack(tmp_path / "a.zip", tmp_path / "new", max_bytes=MOST)


def test_a_damaged_zip_is_refused(packed: Path, tmp_path: Path) -> None:
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 0xFF
    packed.write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC"):
        unpack(packed, tmp_path / "new", max_bytes=MOST)


def test_what_is_in_the_files_is_checked_too(saved: Path, tmp_path: Path) -> None:
    """A pickle under the name of a safetensors file; a document that asks for another thing."""
    files = {path.name: path.read_bytes() for path in saved.iterdir()}
    pickle = zipped(tmp_path / "p.zip", files | {"examples.safetensors": b"\x80\x04\x95\x0e"})
    with pytest.raises(DataError) as error:
        load(pickle, tmp_path / "a", PageLimits(), report=lambda _: None)
    assert "examples.safetensors is damaged" in str(error.value)
    assert str(tmp_path) not in str(error.value)
    document = json.loads(files["recognizer.json"]) | {"format": 99}
    newer = zipped(tmp_path / "n.zip", files | {"recognizer.json": json.dumps(document).encode()})
    with pytest.raises(DataError, match="has the format 99"):
        load(newer, tmp_path / "b", PageLimits(), report=lambda _: None)


def test_a_zip_has_no_file_of_this_machine_opened(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its config.json names one as weights: not a byte of it is read."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hello")
    config = json.loads(zipfile.ZipFile(packed).read("config.json"))
    config["backbone"]["weights"] = str(secret)
    evil = _with(packed, tmp_path, "config.json", json.dumps(config))
    monkeypatch.setattr(table, "doubt", lambda _: pytest.fail("it looks into the file"))
    with pytest.raises(DataError, match="opens none that a zip names: unpack the zip") as refused:
        load(evil, tmp_path / "new", PageLimits(), report=lambda _: None)
    assert "hello" not in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


@pytest.mark.parametrize("name", ["x" * 10_000, "a\x1b[31mb", "a\u202eb"])
def test_a_name_that_no_line_can_show_is_refused(packed: Path, tmp_path: Path, name: str) -> None:
    document = json.loads(zipfile.ZipFile(packed).read("recognizer.json"))
    document["classes"][1]["name"] = name
    evil = _with(packed, tmp_path, "recognizer.json", json.dumps(document))
    with pytest.raises(DataError):
        load(evil, tmp_path / "new", PageLimits(), report=lambda _: None)


def test_more_than_the_page_takes_is_refused(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="it has 2 actions of up to 1 examples, and this page"):
        load(packed, tmp_path / "new", PageLimits(max_classes=1), report=lambda _: None)


def test_deep_json_and_rare_packing_are_sentences(packed: Path, tmp_path: Path) -> None:
    deep = _with(packed, tmp_path, "recognizer.json", 200_000 * "[")
    with pytest.raises(DataError, match=r"recursion|nested"):
        load(deep, tmp_path / "new", PageLimits(), report=lambda _: None)
    with zipfile.ZipFile(tmp_path / "lzma.zip", "w", zipfile.ZIP_LZMA) as archive:
        for name in NEEDED:
            archive.writestr(name, "{}")
    with pytest.raises(DataError, match="packed in a way that few can read"):
        unpack(tmp_path / "lzma.zip", tmp_path / "other", max_bytes=MOST)


def _with(packed: Path, folder: Path, name: str, content: str) -> Path:
    """The zip with another content of one file."""
    with zipfile.ZipFile(packed) as archive:
        files = {each: archive.read(each) for each in archive.namelist()}
    return zipped(folder / "evil.zip", files | {name: content.encode()})
