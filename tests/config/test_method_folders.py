"""Names of methods' folders, and what the files in them may import."""

from pathlib import Path

import pytest

from spm.base.errors import ConfigError
from spm.config.method_folders import check_imports, check_name
from spm.config.model import method_file, method_names
from tests.machines import told


@pytest.fixture
def methods(tmp_path: Path) -> Path:
    folder = tmp_path / "spm/methods"
    folder.mkdir(parents=True)
    (folder / "base.py").touch()
    return folder


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("base", "hides the module spm/methods/base.py: rename the folder"),
        ("paper", "the name of a preset"),
        ("hmdb51", "the name of a preset"),
        ("motion", "the name of a preset"),
        *((name, "is not small letters") for name in ("my-method", "3d", "Warm", "_x", "class")),
    ],
)
def test_a_name_that_no_method_can_have(methods: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"spm/methods/{name}: its name .*{said}"):
        check_name(methods / name)
    if said == "the name of a preset":
        with pytest.raises(ConfigError, match=told("a method with the name of a preset")):
            check_name(methods / name)


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("from spm.methods.otam.method import Otam", "spm.methods.otam.method.Otam"),
        ("from spm.methods import otam", "spm.methods.otam"),
        ("import spm.methods.registry", "spm.methods.registry"),
        ("from ..otam import method", "spm.methods.otam.method"),
        ("from .. import helper", "spm.methods.helper"),
        ("def f():\n    from spm.report import figures", "spm.report.figures"),
        ("import stages.train", "stages.train"),
    ],
)
def test_an_import_that_no_stage_would_see_change(methods: Path, line: str, named: str) -> None:
    folder = methods / "mine"
    folder.mkdir()
    (folder / "method.py").write_text(line, encoding="utf-8")
    at = r"spm/methods/mine/method.py, line \d imports "
    with pytest.raises(ConfigError, match=f"{at}{named}, and no stage would run again"):
        check_imports(folder)
    with pytest.raises(ConfigError, match=told("a method that takes from another's folder")):
        check_imports(folder)


def test_a_method_takes_from_its_folder_and_from_what_stages_depend_on(methods: Path) -> None:
    folder = methods / "mine"
    folder.mkdir()
    lines = [
        "import torch",
        "from spm.methods.base import Method",
        "from spm.methods.mine.config import Config",
        "from spm.nn import otam",
        "from . import parts",
        "from .parts import one",
        "from ..base import Losses",
    ]
    (folder / "method.py").write_text("\n".join(lines), encoding="utf-8")
    check_imports(folder)


@pytest.mark.parametrize("name", method_names())
def test_the_shipped_methods_keep_both(name: str) -> None:
    check_name(method_file(name, "").parent / name)
    check_imports(method_file(name, "method.py").parent)
