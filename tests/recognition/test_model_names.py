"""Where a model folder is asked for: a path, or a name of another package's."""

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import pytest

from spm.base.errors import ConfigError
from spm.recognition import model_names
from spm.recognition.model_names import model_folder


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Names that begin with shelf:/ are known, those that begin with lost:/ to a lost package."""
    module = ModuleType("shelf")
    module.find = lambda name: tmp_path / name.rpartition("/")[2]
    monkeypatch.setitem(sys.modules, "shelf", module)
    points = [EntryPoint("shelf", "shelf:find", model_names.GROUP)]
    points += [EntryPoint("lost", "lost_package:find", model_names.GROUP)]
    monkeypatch.setattr(
        model_names,
        "entry_points",
        lambda *, group, name: [
            each for each in points if (each.group, each.name) == (group, name)
        ],
    )
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("path", ["data/model", "/data/model", "x:y", "C:/model", "../a:/b"])
def test_a_path_is_itself(path: str) -> None:
    assert model_folder(Path(path)) == Path(path)


def test_a_name_is_the_folder_that_its_package_says(tmp_path: Path) -> None:
    assert model_folder(Path("shelf:/kitchen@best")) == tmp_path / "kitchen@best"


def test_a_folder_that_is_there_goes_before_a_name(tmp_path: Path) -> None:
    (tmp_path / "shelf:/kitchen").mkdir(parents=True)
    assert model_folder(Path("shelf:/kitchen")) == Path("shelf:/kitchen")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("lost:/a@best", "the package lost_package is not installed"),
        ("s3:/a@best", "nothing that is installed knows such names"),
    ],
)
def test_a_name_that_nobody_knows_says_what_to_install(name: str, reason: str) -> None:
    with pytest.raises(ConfigError) as error:
        model_folder(Path(name))
    assert str(error.value) == (
        f"{name} is no folder, and {reason}: give a model folder, or run this in a clone of the "
        "project, after `pip install -e .[pipeline]`, with models:/NAME@ALIAS"
    )
