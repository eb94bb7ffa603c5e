"""dvc.yaml against the code: deps are complete, params are complete, paths are stated alike."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import reduce
from importlib import import_module
from inspect import isclass
from operator import getitem
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_type_hints

import pytest
from ruamel.yaml import YAML

from stages.shared import paths
from stages.shared.training_code import training_code
from tests.import_closure import PACKAGES, ROOT, closure, imports

DVC = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
PARAMS = YAML(typ="safe").load(ROOT / "params.yaml")

# No stage depends on these rooms, so that mending them costs nobody a training. What stands beside
# each is why nothing in it can change an out. A module of which that is not true belongs elsewhere:
# composed names and the split's lists, say, lie in spm/dataset.
NEVER = {
    "spm/__init__.py": "finds the public names when they are used; the stages use none of them",
    "pipeline/__init__.py": "explains a missing package",
    "stages/__init__.py": "explains a missing package, and how idle threads wait",
    "spm/methods/__init__.py": "names the doors of the registry",
    "spm/base": "refuses and warns, makes names and hashes, reads YAML, writes files whole (h5py "
    "and safetensors decide the bytes of theirs)",
    "spm/config": "holds no values, refuses (tests/config): what it holds stands in params.yaml",
    "stages/shared": "starts a stage in its ranks, which are recorded beside the result; refuses; "
    "says where folders and sections are. What outside_files makes, inventory writes at every run",
    "stages/tracking": "records runs in MLflow, which no stage reads",
    "pipeline/machine": "starts processes and servers, and knows where a machine keeps its files",
}

# What only refuses, and imports much for it that the stage itself does not use. It returns nothing
# (a test below), so that neither it nor what it imports can change an out.
REFUSES = {
    "spm.methods.promises": {"check_logits", "check_losses", "Sizes"},
    "spm.config.sections": {"check_all", "check_ranks"},
    "stages.shared.preflight": {"check", "check_fit"},
    "stages.shared.weights_check": {"check_model_folder", "check_weights"},
}
NOT_THROUGH = {"spm", *REFUSES}

METHODS = Path("spm/methods")
REGISTRY = METHODS / "registry.py"
"""It imports a method's modules by the method's name, which no import statement says."""
METHOD = PARAMS["model"]["method"]


def _baselines() -> list[str]:
    """The methods that `evaluate` measures beside every model."""
    names = sorted(path.parent.name for path in (ROOT / METHODS).glob("*/config.py"))
    return [name for name in names if _is_baseline(import_module(f"spm.methods.{name}.config"))]


def _is_baseline(config: ModuleType) -> bool:
    """Its section says so."""
    return any(vars(each).get("baseline") for each in vars(config).values() if isclass(each))


RUNS = {"evaluate": [METHOD, *_baselines()], "report": [METHOD, *_baselines()]}
"""Stage -> the methods that it runs; of another stage only that of params.yaml."""


def _outs(stage: str) -> list[str]:
    listed = [out for kind in ("outs", "metrics", "plots") for out in DVC[stage].get(kind, [])]
    return [next(iter(out)) if isinstance(out, dict) else out for out in listed]


_NAMED = re.compile(r"\$\{(.+?)\}")


def _deps(stage: str) -> list[str]:
    """With the values of params.yaml in place of ${section.key}."""
    return [_NAMED.sub(_value, dep) for dep in DVC[stage]["deps"]]


def _value(name: re.Match[str]) -> str:
    return str(reduce(getitem, name[1].split("."), PARAMS))


def _code_deps(stage: str) -> list[str]:
    return [dep for dep in _deps(stage) if not dep.startswith("data/")]


def _reached(stage: str) -> set[Path]:
    """The stage's import closure, with the modules that the registry imports by name."""
    found = closure(f"stages.{stage}", without=NOT_THROUGH)
    if REGISTRY in found:
        names = [f"spm.methods.{name}" for name in RUNS.get(stage, [METHOD])]
        found |= closure(*(f"{name}.{part}" for name in names for part in ("config", "method")))
    return {path for path in found if (ROOT / path).stat().st_size}  # most __init__ are empty


def _within(path: Path, places: Iterable[str]) -> bool:
    return any(path == Path(place) or Path(place) in path.parents for place in places)


STAGES = [stage for stage in DVC if stage != "inventory"]  # which runs every time


@pytest.mark.parametrize("stage", STAGES)
def test_code_deps_hold_the_import_closure(stage):
    needed = {path for path in _reached(stage) if not _within(path, NEVER)}
    assert {str(path) for path in needed if not _within(path, _code_deps(stage))} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_every_code_dep_holds_a_file_of_the_import_closure(stage):
    reached = _reached(stage)
    idle = [dep for dep in _code_deps(stage) if not any(_within(path, [dep]) for path in reached)]
    assert idle == []


@pytest.mark.parametrize("stage", DVC)
def test_code_deps_are_few_and_none_is_of_a_room_that_changes_no_out(stage):
    deps = _code_deps(stage)
    assert len(deps) <= 15
    assert not [dep for dep in deps if _within(Path(dep), NEVER)]
    assert not [room for room in NEVER if _within(Path(room), deps)]


def test_inventory_lists_no_code_and_the_file_stays_readable():
    assert _code_deps("inventory") == []
    assert DVC["inventory"]["always_changed"]
    assert len((ROOT / "dvc.yaml").read_text(encoding="utf-8").splitlines()) <= 200


def test_the_name_of_a_checkpoint_is_of_the_code_that_train_depends_on():
    assert set(training_code(METHOD)) == set(_code_deps("train"))


@pytest.mark.parametrize("module", REFUSES)
def test_of_what_refuses_a_stage_takes_nothing_but_the_refusal(module):
    """The stages, and all that they import, use its checks alone, and no value of it."""
    reached = {path for stage in DVC for path in closure(f"stages.{stage}", without=NOT_THROUGH)}
    used = {used for path in reached for used in imports(path) if used.startswith(module)}
    assert used <= {module, *(f"{module}.{check}" for check in REFUSES[module])}
    for check in REFUSES[module] - {"Sizes"}:  # what the check is told
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
    in_dvc = {path for stage in DVC for path in [*_outs(stage), *_deps(stage)]}
    in_dvc = {path for path in in_dvc if path.startswith("data")}
    assert in_dvc == in_code - {"data/raw", "data/results"}


# What a stage loads from params.yaml, and which of it is listed as a part of a section.
PARTS = {
    "clips": {"dataset": ["dataset.name", "dataset.generator"]},
    "frames": {"dataset": ["dataset.max_rejected"]},
    "features": {"model": ["model.init_from"], "train": ["train.flip"]},
}


@pytest.mark.parametrize("stage", [stage for stage in DVC if stage != "inventory"])
def test_a_stage_lists_the_sections_that_its_code_imports(stage):
    """A section can only be read through its class, so the stage's own imports tell."""
    names = imports(Path("stages") / f"{stage}.py", of=("spm.config",))
    classes = [name.split(".")[2:] for name in names if re.fullmatch(r".*\.[A-Z]\w*[a-z]\w*", name)]
    sections = {section for section, _ in classes} & set(PARAMS) - {"runtime"}
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
    """The stages whose params cover a leaf, or one of whose deps is named by it."""
    return {
        stage
        for stage in DVC
        for key in [*DVC[stage].get("params", []), *_naming(stage)]
        if leaf == key or leaf.startswith(f"{key}.")
    }


def _naming(stage: str) -> list[str]:
    """The parameters in the deps' names: model.method of spm/methods/${model.method}."""
    return [name for dep in DVC[stage]["deps"] for name in _NAMED.findall(dep)]


EXPECTED = {
    "dataset.name": {"clips", "manifest"},
    "dataset.generator": {"clips", "manifest"},
    "dataset.max_rejected": {"manifest", "frames"},
    "dataset": {"manifest"},
    "frames": {"frames", "train"},
    "prompts": {"prompts", "train"},
    "episode": {"train", "evaluate"},
    "backbone": {"features", "prompts", "train"},
    "features": {"features"},
    "model": {"train"},
    "model.init_from": {"features", "train"},
    "model.method": {"train", "evaluate", "report"},  # their deps are named by it
    "train": {"train"},
    "train.flip": {"features", "train"},
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
        return [*value, *(value[:1] or [1])]
    return {"changed": "text"} if isinstance(value, dict) else f"{value} changed"


@pytest.fixture(scope="module")
def committed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pipeline with all outs there: `dvc status` has nothing to say of it."""
    folder = tmp_path_factory.mktemp("committed")
    for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, folder)
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, folder / package, ignore=ignore)
    for stage in DVC:
        for path in [*_outs(stage), *_deps(stage)]:
            if path.startswith("data"):
                _stand_in(folder / path)
    for command in (["git", "init", "-q"], [sys.executable, "-m", "dvc", "init", "-q"]):
        subprocess.run(command, cwd=folder, check=True)
    subprocess.run([sys.executable, "-m", "dvc", "commit", "-q", "-f"], cwd=folder, check=True)
    return folder


@pytest.fixture
def project(committed: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`committed`, to be left as it was."""
    monkeypatch.chdir(committed)  # or stages are named by where dvc.yaml is from here
    return committed


def test_dvc_status_has_nothing_to_say_where_nothing_changed(project):
    assert _status(project) == set()


def _status(folder: Path) -> set[str]:
    """The stages that the real `dvc status` names, less the one that runs every time."""
    from dvc.repo import Repo

    return set(Repo(folder).status()) - {"inventory"}


@pytest.mark.slow
def test_dvc_status_names_the_expected_stages_for_every_parameter(project):
    """One parameter changed at a time."""
    text = (project / "params.yaml").read_text()
    for leaf in _leaves(PARAMS):
        _write_changed(project / "params.yaml", text, leaf)
        assert _status(project) == _expected(leaf), leaf
    (project / "params.yaml").write_text(text)


TRAINED = {"train", "evaluate", "report"}


def test_a_baseline_may_be_the_method(project):
    """DVC takes a folder that is listed twice among the deps of evaluate and report.

    Both stages have the folder among their recorded deps already: they rerun as the model changes.
    """
    text = (project / "params.yaml").read_text()
    for name in _baselines():
        changed = text.replace("method: clip_spm", f"method: {name}")
        (project / "params.yaml").write_text(changed)
        assert _status(project) == {"train"}, name
    (project / "params.yaml").write_text(text)


EDITS = {
    # wording, progress and records; another method
    "spm/base/errors.py": set(),
    "spm/base/progress.py": set(),
    "spm/base/unwritable.py": set(),
    "spm/config/train.py": set(),
    "spm/config/problems.py": set(),
    "spm/methods/another/method.py": set(),
    "spm/methods/otam/method.py": set(),
    "pipeline/grids/grid.py": set(),
    "pipeline/machine/prefect_server.py": set(),
    "stages/inventory.py": set(),
    "stages/shared/preflight.py": set(),
    "stages/tracking/runs.py": set(),
    # what a stage computes
    "spm/motion/look.py": {"clips"},
    "spm/video/clip_files.py": {"manifest", "frames"},
    "spm/video/reading.py": {"frames"},
    "spm/video/a_new_module.py": {"frames"},
    "spm/dataset/splits.py": {"manifest", "frames"},
    "spm/frames/shards.py": {"frames", "features", *TRAINED},
    "spm/episodes/sampler.py": TRAINED,
    "spm/methods/clip_spm/modulation.py": TRAINED,
    "spm/methods/base.py": TRAINED,
    "spm/methods/zero_shot/method.py": {"evaluate", "report"},
    "spm/episodes/transforms.py": {"features", *TRAINED},
    "spm/features/shards.py": {"features", *TRAINED},
    "spm/model/weights.py": {"features", "prompts", *TRAINED},
    "spm/builtin_clip/model/conv.py": {"features", "prompts", *TRAINED},
    "spm/builtin_clip/model/builtin-clip.json": {"features", "prompts", *TRAINED},
    "spm/builtin_clip/scenes.py": set(),
    "spm/builtin_clip/make.py": set(),
    "spm/nn/otam.py": TRAINED,
    "spm/training/loop.py": {"train"},
    "spm/results/document.py": {"evaluate", "report"},
    "spm/report/page.py": {"report"},
    "pipeline/decoding/decode_flow.py": {"frames"},
    "pipeline/shards/checked_shards.py": {"frames", "features"},
    "pipeline/encoding/encode.py": {"features"},
    "stages/evaluate.py": {"evaluate"},
}


@pytest.mark.parametrize("name", EDITS)
def test_dvc_status_names_the_expected_stages_for_an_edit(project, name):
    """The stages that say they depend on the file; their descendants run if outs change."""
    path = project / name
    text = path.read_text(encoding="utf-8") if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{text or ''}# edited\n", encoding="utf-8")
    try:
        assert _status(project) == EDITS[name]
    finally:
        if text is not None:
            path.write_text(text, encoding="utf-8")
        else:
            path.unlink()


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
