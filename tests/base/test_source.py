"""Names by code: every file that is run counts, what only explains does not."""

import ast
import shutil
from types import SimpleNamespace

import pytest

from pipeline.decoding import shard_plan
from spm.base import source
from spm.base.source import ONLY_HOW, closure, code_hash
from tests.import_closure import PACKAGES, ROOT

READ = "from pkg.pixels import SIZE\n\n\ndef read():\n    import pkg.late\n\n    return SIZE\n"
FILES = {
    "__init__.py": "",
    "main.py": f'"""Reads."""\n\nimport pkg.deep.down\n{READ}',
    "pixels.py": "SIZE = 3\n",
    "late.py": "from . import facts\n",
    "facts.py": "NAME = 'facts.yaml'\n",
    "facts.yaml": "size: 3  # pixels\n",
    "deep/__init__.py": "LEVEL = 1\n",
    "deep/down.py": "import os\n\nLEVEL = 2\n",
    "aside.py": "SIZE = 4\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `pkg`, beside the real ones."""
    for name, text in FILES.items():
        (tmp_path / "pkg" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "pkg" / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "pkg"


def of_package():
    return code_hash("pkg.main", packages=["pkg"])


def test_the_closure_is_all_that_is_imported_and_the_facts_beside_it(package):
    found = closure("pkg.main", packages=["pkg"])
    assert set(found.values()) == {package / name for name in FILES} - {package / "aside.py"}
    assert {"pkg.deep.__init__", "pkg.deep.down", "pkg.facts.yaml"} <= set(found)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("main.py", "return SIZE", "return SIZE + 1"),
        ("pixels.py", "3", "4"),
        ("late.py", "facts", "facts, pixels"),
        ("facts.py", "facts.yaml", "other.yaml"),
        ("facts.yaml", "3", "4"),
        ("deep/__init__.py", "1", "2"),
        ("deep/down.py", "2", "2.0"),
    ],
)
def test_a_changed_value_in_any_file_changes_the_hash(package, name, old, new):
    before, text = of_package(), FILES[name]
    (package / name).write_text(text.replace(old, new), encoding="utf-8")
    assert of_package() != before
    (package / name).write_text(text, encoding="utf-8")
    assert of_package() == before


def test_a_module_that_comes_in_is_noticed(package):
    before = of_package()
    (package / "pixels.py").write_text("from pkg.aside import SIZE\n", encoding="utf-8")
    between = of_package()
    (package / "aside.py").write_text("SIZE = 5\n", encoding="utf-8")
    assert len({before, between, of_package()}) == 3


EXPLAINED = '''"""Another docstring."""

import pkg.deep.down  # why
from pkg.pixels import SIZE

"""And one in between."""


def read():
    """What it does."""

    import pkg.late

    return (
        SIZE
    )
'''


def test_comments_docstrings_and_layout_change_nothing(package):
    before = of_package()
    (package / "main.py").write_text(EXPLAINED, encoding="utf-8")
    (package / "facts.yaml").write_text("# said\nsize:   3\n", encoding="utf-8")
    assert of_package() == before


def test_a_string_that_is_used_is_no_docstring(package):
    (package / "pixels.py").write_text("SIZE = len('abc')\n", encoding="utf-8")
    before = of_package()
    (package / "pixels.py").write_text("SIZE = len('abcd')\n", encoding="utf-8")
    assert of_package() != before


def test_files_that_only_refuse_report_or_name_are_left_out(package, monkeypatch):
    before = of_package()
    monkeypatch.setattr(source, "ONLY_HOW", (*ONLY_HOW, "pkg.deep"))
    without = of_package()
    assert without != before
    for name in ("deep/down.py", "deep/__init__.py"):
        (package / name).write_text("LEVEL = 9\n", encoding="utf-8")
    assert of_package() == without


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of the project's packages, which the hashes are of."""
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    found = {
        name: SimpleNamespace(submodule_search_locations=[tmp_path / name]) for name in PACKAGES
    }
    monkeypatch.setattr(source, "find_spec", found.get)
    return tmp_path


def recipe():
    return shard_plan._code.__wrapped__()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("spm/video/clip_files.py", '"png")', '"png", "bmp")'),  # which images count as frames
        ("spm/video/packet_checks.py", "return", "assert True\n    return"),
        ("spm/video/clip.py", "reader: str", "reader: object"),
        ("pipeline/decoding/clip_channel.py", "import", "import glob\nimport"),
        ("pipeline/decoding/shard_decoder.py", "* job.frames", "* 1 * job.frames"),
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
    "name", ["spm/base/errors.py", "spm/config/frames.py", "spm/model/model.py"]
)
def test_what_cannot_change_a_frame_decodes_nothing_anew(project, name):
    before = recipe()
    with open(project / name, "a", encoding="utf-8") as file:
        file.write("ADDED = 1\n")
    assert recipe() == before


def test_the_name_of_a_checkpoint_is_of_all_that_trains_and_of_nothing_else():
    """Not of what happens to be imported, nor of how runs are recorded."""
    files = closure("stages.train", packages=["spm"])
    assert {
        "stages.train",
        "spm.model.model",
        "spm.methods.clip_spm.padm",
        "spm.training.loop",
        "spm.frames.shards",
    } <= set(files)
    assert not {
        "stages.tracking.runs",
        "spm.predict",
        "spm.video.reading",
        "spm.results.document",
    } & set(files)


def test_the_sections_hold_values_and_checks_alone():
    """Or they could not be left out of the names of shards and checkpoints."""
    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.ClassDef, ast.Assign, ast.AnnAssign)
    for path in sorted((ROOT / "spm/config").glob("*.py")):
        if path.stem in ("base", "problems", "sections"):  # these refuse
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            assert isinstance(node, allowed), path
            if isinstance(node, ast.ClassDef):
                methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef)]
                assert all(name.startswith("_") for name in methods), path
            elif isinstance(node, ast.Assign):
                assert isinstance(node.value, ast.Constant | ast.Subscript), path
