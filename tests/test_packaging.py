"""What is installed: by the lock file on each Python, and by `pip install .`."""

import sys
import tomllib
import zipfile
from ast import Import, ImportFrom, parse, walk
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.import_closure import ROOT
from tests.wheel import build_wheel

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ["3.11", "3.12", "3.13"]
DATA = (".css", ".json", ".safetensors", ".yaml")
"""Endings of the library's files that are no code."""
OPTIONAL = {"torchcodec", "umap-learn", "scikit-learn"}
"""Imported where the user has chosen it: spm.video.counting_readers and spm.report.page say so
where it is absent. scikit-learn comes with umap-learn."""
OF_A_ROOM = dict.fromkeys(("gradio", "starlette"), ROOT / "spm/page")
"""Extra packages that one room imports: spm.page.commands says so where gradio is absent."""


def _lock() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if not line.startswith("#")]


def _locked(python: str, machine: str = "x86_64") -> dict[str, str]:
    """Name -> version specifier, of what is installed there."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.7",
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    asked = [line for line in _lock() if not line.marker or line.marker.evaluate(environment)]
    found = {canonicalize_name(line.name): str(line.specifier) for line in asked}
    assert len(found) == len(asked), "a package stands twice"
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_one_version_of_all_that_is_asked_for(python):
    locked = _locked(python)
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in [Requirement(line) for group in groups for line in group]:
        if requirement.name == PROJECT["name"]:
            continue
        version = locked[canonicalize_name(requirement.name)].removeprefix("==")
        assert requirement.specifier.contains(version), requirement


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("needed", ["pillow<13", "tomlkit<0.15"])
def test_the_lock_leaves_room_for_gradio(python, needed):
    requirement = Requirement(needed)
    assert requirement.specifier.contains(_locked(python)[requirement.name].removeprefix("=="))


def test_each_python_gets_what_only_it_needs():
    assert "whenever" in _locked("3.13")
    assert "whenever" not in _locked("3.11")
    assert "decord" in _locked("3.11")
    assert "decord" not in _locked("3.11", "aarch64")


def test_the_lock_has_all_that_the_installed_packages_need():
    """On the Python that runs this test."""
    locked = _locked(f"{sys.version_info.major}.{sys.version_info.minor}")
    waiting = [Requirement(f"{PROJECT['name']}[dev]")]
    seen: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = f"{name}[{','.join(sorted(requirement.extras))}]"
        if key in seen or name.startswith(("nvidia-", "cuda-", "triton")):
            continue
        seen.add(key)
        assert name == PROJECT["name"] or name in locked, requirement
        waiting += [need for need in _needs(name) if _wanted(need, requirement.extras)]


def _needs(name: str) -> list[Requirement]:
    return [Requirement(line) for line in requires(name) or []]


def _wanted(need: Requirement, extras: set[str]) -> bool:
    if need.marker is None:
        return True
    return any(need.marker.evaluate({"extra": extra}) for extra in ["", *extras])


def test_the_library_imports_nothing_but_its_dependencies():
    names = {canonicalize_name(Requirement(line).name) for line in PROJECT["dependencies"]}
    dependencies = names | {"pydantic-core"} | OPTIONAL
    packages = packages_distributions()
    for path in (ROOT / "spm").rglob("*.py"):
        for module in _imported(path) - sys.stdlib_module_names - {"spm"}:
            provided = {canonicalize_name(name) for name in packages.get(module, [module])}
            here = {name for name, room in OF_A_ROOM.items() if path.is_relative_to(room)}
            assert provided & (dependencies | here), f"{path.name} imports {module}"


def _imported(path: Path) -> set[str]:
    """Top-level names of the modules that the file imports, anywhere in it."""
    names = []
    for node in walk(parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ImportFrom) and node.module:
            names.append(node.module)
    return {name.split(".")[0] for name in names}


def test_the_wheel_holds_the_library_alone(tmp_path):
    names = zipfile.ZipFile(build_wheel(tmp_path)).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"spm", "clip_spm"}
    data = [path for end in DATA for path in (ROOT / "spm").rglob(f"*{end}")]
    facts = {str(path.relative_to(ROOT)) for path in data}
    clip = ("builtin-clip.json", "weights.safetensors", "weights.yaml")
    assert {f"spm/builtin_clip/model/{name}" for name in clip} <= facts
    assert facts | {"spm/py.typed", "spm/__init__.pyi"} <= set(names)
