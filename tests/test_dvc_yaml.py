"""dvc.yaml against the code: deps are complete, params are complete, paths are stated alike."""

import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import NoneType
from typing import Any, get_type_hints

import pytest
from ruamel.yaml import YAML

from stages.shared import paths
from tests.import_closure import ROOT, closure, imports

# How a stage is started, told what is wrong, and recorded: nothing in these can change an out, so
# that mending them does not cost anybody a training.
HOW = {
    "pipeline/__init__.py",
    "pipeline/presets/dotted.py",
    "pipeline/machine/git_and_dvc.py",
    "pipeline/machine/proxies.py",
    "pipeline/decoding/unfinished_decoding.py",
    "spm/__init__.py",
    "spm/base/atomic.py",
    "spm/base/command.py",
    "spm/config/__init__.py",
    "spm/config/runtime.py",
    "spm/base/errors.py",
    "spm/base/lock.py",
    "spm/base/missing_packages.py",
    "spm/base/progress.py",
    "spm/base/unwritable.py",
    "stages/__init__.py",
    "stages/shared/alone.py",
    "stages/shared/command.py",
    "stages/tracking/killed_runs.py",
    "stages/shared/launch.py",
    "stages/tracking/learning_curve.py",
    "stages/tracking/provenance.py",
    "stages/tracking/runs.py",
    "stages/tracking/store.py",
}

# What only refuses, and imports much for it that the stage itself does not use. It returns nothing
# (a test below), so that neither it nor what it imports can change an out.
REFUSES = {
    "spm.config.sections": {"check_all"},
    "stages.shared.preflight": {"check", "check_fit"},
    "stages.shared.weights_check": {"check_model_folder", "check_weights"},
}

DVC = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")


def _outs(stage: str) -> list[str]:
    listed = [out for kind in ("outs", "metrics", "plots") for out in DVC[stage].get(kind, [])]
    return [next(iter(out)) if isinstance(out, dict) else out for out in listed]


def _code_deps(stage: str) -> set[str]:
    found: set[str] = set()
    for dep in DVC[stage]["deps"]:
        if (ROOT / dep).is_dir() and not dep.startswith("data"):
            found |= {str(path.relative_to(ROOT)) for path in (ROOT / dep).rglob("*.py")}
        elif not dep.startswith("data"):
            found.add(dep)
    return _with_code(found)


def _with_code(files: set[str]) -> set[str]:
    """Packages have an empty `__init__`, but for the three at the top."""
    return {path for path in files if (ROOT / path).stat().st_size}


@pytest.mark.parametrize("stage", DVC)
def test_code_deps_are_the_import_closure(stage):
    reached = closure(f"stages.{stage}", without=REFUSES)
    assert _code_deps(stage) == _with_code({str(path) for path in reached} - HOW)


@pytest.mark.parametrize("module", REFUSES)
def test_of_what_refuses_a_stage_takes_nothing_but_the_refusal(module):
    """The stages, and all that they import, use its checks alone, and no value of it."""
    reached = {path for stage in DVC for path in closure(f"stages.{stage}", without=REFUSES)}
    code = [path for path in reached if path.suffix == ".py"]
    used = {used for path in code for used in imports(path) if used.startswith(module)}
    assert used <= {module, *(f"{module}.{check}" for check in REFUSES[module])}
    for check in REFUSES[module]:
        assert get_type_hints(getattr(import_module(module), check))["return"] is NoneType


@pytest.mark.parametrize("stage", DVC)
def test_a_plain_out_is_in_the_cache_or_dvc_would_not_bring_back_what_was_run_before(stage):
    options = [out for out in DVC[stage].get("outs", []) if isinstance(out, dict)]
    assert all(each.get("cache", True) for out in options for each in out.values())


@pytest.mark.parametrize("stage", DVC)
def test_a_stage_is_its_module(stage):
    assert DVC[stage]["cmd"] == f"python -m stages.{stage}"
    assert (ROOT / "stages" / f"{stage}.py").is_file()


def test_the_code_names_the_paths_that_dvc_does():
    in_code = {str(value) for value in vars(paths).values() if isinstance(value, Path)}
    in_dvc = {path for stage in DVC for path in [*_outs(stage), *DVC[stage]["deps"]]}
    in_dvc = {path for path in in_dvc if path.startswith("data")}
    assert in_dvc == in_code - {"data/raw", "data/results"}


# What a stage loads from params.yaml, and which of it is listed as a part of a section.
PARTS = {
    "clips": {"dataset": ["dataset.name", "dataset.motion"]},
    "frames": {"dataset": ["dataset.max_rejected"]},
}


@pytest.mark.parametrize("stage", [stage for stage in DVC if stage != "inventory"])
def test_a_stage_lists_the_sections_that_its_code_imports(stage):
    """A section can only be read through its class, so the stage's own imports tell."""
    modules = imports(Path("stages") / f"{stage}.py")
    sections = {name.split(".")[2] for name in modules if name.startswith("spm.config.")}
    sections = sections & set(PARAMS) - {"runtime"}
    expected = [
        key for section in sorted(sections) for key in PARTS.get(stage, {}).get(section, [section])
    ]
    assert sorted(DVC[stage].get("params", [])) == sorted(expected)


def _leaves(values: dict[str, Any], prefix: str = "") -> list[str]:
    leaves = []
    for key, value in values.items():
        nested = isinstance(value, dict) and value
        leaves += _leaves(value, f"{prefix}{key}.") if nested else [f"{prefix}{key}"]
    return leaves


def _listed(leaf: str) -> set[str]:
    """The stages whose params cover a leaf."""
    return {
        stage
        for stage in DVC
        for key in DVC[stage].get("params", [])
        if leaf == key or leaf.startswith(f"{key}.")
    }


EXPECTED = {
    "dataset.name": {"clips", "manifest"},
    "dataset.motion": {"clips", "manifest"},
    "dataset.max_rejected": {"manifest", "frames"},
    "dataset": {"manifest"},
    "frames": {"frames", "train"},
    "prompts": {"prompts", "train"},
    "episode": {"train", "evaluate"},
    "backbone": {"prompts", "train"},
    "model": {"train"},
    "train": {"train"},
    "evaluate": {"evaluate"},
    "report": {"report"},
    "runtime": set(),
}


def _expected(leaf: str) -> set[str]:
    keys = [key for key in EXPECTED if leaf == key or leaf.startswith(f"{key}.")]
    return EXPECTED[max(keys, key=len)]


@pytest.mark.parametrize("leaf", _leaves(PARAMS))
def test_every_parameter_belongs_to_the_expected_stages(leaf):
    assert _listed(leaf) == _expected(leaf)


def _changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, list):
        return [*value, *value[:1]]
    return {"changed": "text"} if isinstance(value, dict) else f"{value} changed"


@pytest.mark.slow
def test_dvc_status_names_the_expected_stages_for_every_parameter(tmp_path, monkeypatch):
    """The real `dvc status` on a committed pipeline, one parameter changed at a time."""
    from dvc.repo import Repo

    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path)
    for package in ("spm", "stages", "pipeline"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    for stage in DVC:
        for path in [*_outs(stage), *DVC[stage]["deps"]]:
            if path.startswith("data"):
                _stand_in(tmp_path / path)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "commit", "-q", "-f"], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)  # or stages are named by where dvc.yaml is from here
    text = (tmp_path / "params.yaml").read_text()
    assert set(Repo(tmp_path).status()) <= {"inventory"}
    for leaf in _leaves(PARAMS):
        _write_changed(tmp_path / "params.yaml", text, leaf)
        assert set(Repo(tmp_path).status()) - {"inventory"} == _expected(leaf), leaf


def _stand_in(path: Path) -> None:
    """A file, or a folder with a file, where a stage would write."""
    if path.suffix:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a,b\n1,2\n" if path.suffix == ".csv" else "{}")
    else:
        path.mkdir(parents=True, exist_ok=True)
        (path / "file").write_text(str(path.name))


def _write_changed(path: Path, text: str, leaf: str) -> None:
    yaml = YAML()
    document = yaml.load(text)
    *parents, last = leaf.split(".")
    section = document
    for parent in parents:
        section = section[parent]
    section[last] = _changed(section[last])
    with open(path, "w") as file:
        yaml.dump(document, file)
