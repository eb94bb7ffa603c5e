"""The house rules that a reader relies on: imports go one way, light things stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.import_closure import PACKAGES, ROOT, imports

ALLOWED = {"spm": {"spm"}, "pipeline": {"pipeline", "spm"}, "stages": {"stages", "pipeline", "spm"}}


def _files(package: str) -> list[Path]:
    return sorted(path.relative_to(ROOT) for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_one_way(package):
    for path in _files(package):
        reached = {name.split(".")[0] for name in imports(path)}
        assert reached <= ALLOWED[package], path


FLOORS = {
    "spm": "page finding report recognition heat results training released episodes model methods "
    "nn builtin_clip dataset features frames isolation video motion config base",
    "pipeline": "grids presets encoding decoding shards machine",
    "stages": "commands tracking shared",
}
"""The rooms of each package from top to bottom. A room imports from itself and from those below;
doors and stages, the modules beside the rooms, stand above them all."""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_is_a_room_of_a_floor(package):
    folders = {path.parts[1] for path in _files(package) if len(path.parts) > 2}
    assert folders <= set(FLOORS[package].split())


@pytest.mark.parametrize("package", PACKAGES)
def test_no_room_imports_from_a_floor_above_it(package):
    """So no two rooms import each other. The commands may ask a stage what it would do."""
    rooms = FLOORS[package].split()
    for number, room in enumerate(rooms):
        below = {f"{package}.{name}" for name in rooms[number:]}
        if room == "commands":
            below |= {f"stages.{path.stem}" for path in _files("stages") if len(path.parts) == 2}
        for path in _files(f"{package}/{room}"):
            names = [name for name in imports(path, of=(package,)) if name.count(".")]
            upward = [name for name in names if not _below(name, below)]
            assert not upward, path


def _below(name: str, places: set[str]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


@pytest.mark.parametrize("package", PACKAGES)
def test_only_the_first_init_of_a_package_says_anything(package):
    """What a module needs it imports from the module that has it."""
    inits = [path for path in _files(package) if path.name == "__init__.py"]
    said = [path for path in inits if len(path.parts) > 2 and (ROOT / path).stat().st_size]
    assert {str(path) for path in said} <= {"spm/methods/__init__.py"}  # spm.methods.build


def test_no_stage_imports_another():
    """But stages/commands, which may ask a stage what it would do. Nobody asks a command."""
    for path in _files("stages"):
        imported = {name for name in imports(path, of=("stages",)) if name.count(".") == 1}
        imported = {name.split(".")[1] for name in imported} - {path.stem, "shared", "tracking"}
        assert path.parts[1] == "commands" or not imported, path
        assert path.parts[1] == "commands" or not imports(path, of=("stages.commands",)), path


def test_neither_the_project_nor_the_measurements_import_tests():
    """`bench` is run without pytest, and the tests may use what it makes."""
    for package in (*PACKAGES, "bench"):
        for path in _files(package):
            assert not imports(path, of=("tests",)), path


FRAMEWORKS = ["dvc", "prefect", "mlflow", "ruamel", "distributed"]


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("spm", ["torch", "numpy", *FRAMEWORKS]),
        ("spm.video.reading", ["torch", "spm.model.model", *FRAMEWORKS]),
        ("spm.model.model", ["open_clip", *FRAMEWORKS]),
        ("spm.predict", FRAMEWORKS),
        ("spm.classify", ["torch", *FRAMEWORKS]),
        ("spm.enroll", ["torch", *FRAMEWORKS]),
        ("spm.recognize", ["torch", *FRAMEWORKS]),
        ("spm.serve_page", ["torch", "gradio", *FRAMEWORKS]),
        ("spm.page.app", ["torch", "matplotlib", *FRAMEWORKS]),
        ("spm.recognition.recognizer_folder", ["open_clip", *FRAMEWORKS]),
        ("spm.episodes.evaluation", FRAMEWORKS),
        ("stages.inventory", ["torch", "mlflow", "prefect"]),
        ("stages.frames", ["torch", "mlflow", "prefect", "distributed"]),
        ("stages.train", ["mlflow", "prefect", "open_clip"]),
    ],
)
def test_what_importing_does_not_import(module, absent):
    code = f"import sys, {module}; print([n for n in {absent} if n in sys.modules])"
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "[]"


def _text_without_encoding(path: Path) -> list[int]:
    """Lines that open a file as text and do not say how it is encoded."""
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    return [
        call.lineno
        for call in calls
        if _opens_text(call) and all(keyword.arg != "encoding" for keyword in call.keywords)
    ]


def _opens_text(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
    if name in ("read_text", "write_text"):
        return True
    modes = [keyword.value for keyword in call.keywords if keyword.arg == "mode"] + call.args[1:2]
    is_open = name == "fdopen" or (isinstance(call.func, ast.Name) and name == "open")
    return is_open and all("b" not in ast.literal_eval(mode) for mode in modes)


@pytest.mark.parametrize("package", [*PACKAGES, "bench"])
def test_text_is_utf8_whatever_the_locale(package):
    for path in _files(package):
        assert not _text_without_encoding(path), path


def test_the_project_holds_no_path_of_a_machine():
    tracked = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    for name in tracked.stdout.split():
        path = ROOT / name
        if path.suffix in (".py", ".md", ".yaml", ".toml", ".cff") and path != Path(__file__):
            text = path.read_text()
            assert "/home/" not in text, name
            assert "/root/" not in text, name
