"""Names by code: every file of the folders counts, what only explains does not."""

import shutil

import pytest

from pipeline.decoding import shard_plan
from spm.base import source
from spm.base.source import code_hash
from stages.shared.training_code import training_code
from tests.import_closure import PACKAGES, ROOT

FILES = {
    "pkg/__init__.py": "",
    "pkg/pixels.py": '"""Reads."""\n\nSIZE = 3\n\n\ndef read():\n    return SIZE\n',
    "pkg/facts.yaml": "size: 3  # pixels\n",
    "pkg/model.json": '{\n    "width": 3\n}\n',
    "pkg/deep/__init__.py": "LEVEL = 1\n",
    "pkg/deep/down.py": "LEVEL = 2\n",
    "pkg/deep/notes.txt": "none of it\n",
    "alone.py": "SIZE = 4\n",
    "other.py": "SIZE = 5\n",
}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A root with a package `pkg` and two modules."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(source, "ROOT", tmp_path)
    return tmp_path


def of_both():
    return code_hash("pkg", "alone.py")


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("pkg/pixels.py", "return SIZE", "return SIZE + 1"),
        ("pkg/pixels.py", "3", "4"),
        ("pkg/facts.yaml", "3", "4"),
        ("pkg/model.json", "3", "4"),
        ("pkg/deep/__init__.py", "1", "2"),
        ("pkg/deep/down.py", "2", "2.0"),
        ("alone.py", "4", "5"),
    ],
)
def test_a_changed_value_in_any_file_changes_the_hash(root, name, old, new):
    before, text = of_both(), FILES[name]
    (root / name).write_text(text.replace(old, new), encoding="utf-8")
    assert of_both() != before
    (root / name).write_text(text, encoding="utf-8")
    assert of_both() == before


def test_a_module_that_comes_goes_or_is_called_otherwise_is_noticed(root):
    before = of_both()
    (root / "pkg/more.py").write_text("SIZE = 5\n", encoding="utf-8")
    more = of_both()
    (root / "pkg/more.py").rename(root / "pkg/most.py")
    assert len({before, more, of_both()}) == 3
    (root / "pkg/most.py").unlink()
    assert of_both() == before


def test_other_files_and_the_order_of_the_places_do_not_matter(root):
    before = of_both()
    (root / "other.py").write_text("SIZE = 6\n", encoding="utf-8")
    (root / "pkg/deep/notes.txt").write_text("more\n", encoding="utf-8")
    assert code_hash("alone.py", "pkg", "pkg/deep") == before


def test_it_is_not_of_where_the_code_lies(root, tmp_path_factory, monkeypatch):
    before = of_both()
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.copytree(root, elsewhere)
    monkeypatch.setattr(source, "ROOT", elsewhere)
    assert of_both() == before


@pytest.mark.parametrize("place", ["pgk", "pkg/none.py"])
def test_a_place_without_code_is_an_error(root, place):
    with pytest.raises(FileNotFoundError, match=place):
        code_hash("pkg", place)


EXPLAINED = '''"""Another docstring."""

SIZE = 3  # why

"""And one in between."""


def read():
    """What it does."""

    return (
        SIZE
    )
'''


def test_comments_docstrings_and_layout_change_nothing(root):
    before = of_both()
    (root / "pkg/pixels.py").write_text(EXPLAINED, encoding="utf-8")
    (root / "pkg/facts.yaml").write_text("# said\nsize:   3\n", encoding="utf-8")
    assert of_both() == before


def test_a_string_that_is_used_is_no_docstring(root):
    (root / "alone.py").write_text("SIZE = len('abc')\n", encoding="utf-8")
    before = of_both()
    (root / "alone.py").write_text("SIZE = len('abcd')\n", encoding="utf-8")
    assert of_both() != before


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project's packages, which the hashes are of."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(source, "ROOT", tmp_path)
    return tmp_path


def recipe():
    return shard_plan._code.__wrapped__()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("spm/video/clip_files.py", '"png")', '"png", "bmp")'),  # which images count as frames
        ("spm/video/packet_checks.py", "return", "assert True\n    return"),
        ("spm/video/clip.py", "reader: str", "reader: object"),
        ("spm/frames/shard_writer.py", "import", "import glob\nimport"),
    ],
)
def test_what_reads_and_writes_frames_is_in_the_recipe_of_a_shard(project, name, old, new):
    before = recipe()
    path = project / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert recipe() != before


@pytest.mark.parametrize(
    "name",
    [
        "pipeline/decoding/decode_flow.py",
        "spm/base/errors.py",
        "spm/config/frames.py",
        "spm/dataset/coverage.py",
        "spm/model/model.py",
    ],
)
def test_what_cannot_change_a_frame_decodes_nothing_anew(project, name):
    before = recipe()
    with open(project / name, "a", encoding="utf-8") as file:
        file.write("ADDED = 1\n")
    assert recipe() == before


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("spm/methods/clip_spm/modulation.py", True),
        ("spm/training/loop.py", True),
        ("stages/train.py", True),
        ("spm/methods/another/method.py", False),
        ("spm/video/reading.py", False),
        ("spm/results/document.py", False),
        ("stages/tracking/runs.py", False),
    ],
)
def test_the_name_of_a_checkpoint_is_of_what_trains_and_of_nothing_else(project, name, counts):
    """Not of how runs are recorded, nor of another method."""
    before = code_hash(*training_code("clip_spm"))
    (project / name).parent.mkdir(exist_ok=True)
    with open(project / name, "a", encoding="utf-8") as file:
        file.write("ADDED = 1\n")
    assert (code_hash(*training_code("clip_spm")) != before) == counts
