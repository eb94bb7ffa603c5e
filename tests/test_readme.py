"""README.md's Python runs as it stands there, with public names; its commands are there."""

import ast
import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import torch
from typer.main import get_command

import spm
from bench.burnt import write_clip
from spm.model.model import load_model, save_model
from tests import models
from tests.import_closure import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
CODECS = {".mp4": "libx264", ".webm": "libvpx-vp9"}


PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md"))
TEXTS = [README, *((ROOT / "docs" / name).read_text(encoding="utf-8") for name in PAGES)]
LINES = sorted({line for text in TEXTS for line in re.findall(r"clip-spm ([a-z][^`#\n]+)", text)})
OURS = {
    "classes": "spm.classes",
    "classify": "spm.classify",
    "convert": "spm.convert",
    "enroll": "spm.enroll",
    "explain": "spm.explain",
    "find": "spm.find",
    "page": "spm.serve_page",
    "predict": "spm.predict",
    "recognize": "spm.recognize",
    "table": "spm.results.accuracy_table",
}
PUBLISHED = "ViT-B-16-quickgelu:openai"
"""The tower of the example without training: the tests take the one in the package."""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model, and a clip of each name that the example gives."""
    save_model(models.build().float(), tmp_path / "data/model")
    monkeypatch.chdir(tmp_path)
    names = dict.fromkeys(re.findall(r'"([^"]+\.(?:mp4|webm))"', "".join(BLOCKS)))
    for number, name in enumerate(names):
        write_clip(Path(name), codec=CODECS[Path(name).suffix], num_frames=16, first=100 * number)
    return tmp_path


def test_there_are_examples() -> None:
    assert len(BLOCKS) == 3


@pytest.mark.usefixtures("workspace")
def test_the_example_runs_and_classifies() -> None:
    names: dict[str, object] = {}
    exec(compile(BLOCKS[1], "README.md", "exec"), names)
    logits = names["logits"]
    assert isinstance(logits, torch.Tensor)
    assert logits.shape == (1, 2)
    assert logits.isfinite().all()


@pytest.mark.usefixtures("workspace")
def test_the_example_of_a_recognizer_answers_and_saves(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(BLOCKS[0], "README.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("clip1.mp4 ")
    assert second.startswith("clip2.mp4 ")
    assert list(spm.load_recognizer("kitchen").classes) == ["PouringTea", "cutting_bread"]


@pytest.mark.usefixtures("workspace")
def test_the_example_without_training_runs_and_classifies(
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = BLOCKS[2].replace(PUBLISHED, "builtin-clip")
    assert len(BLOCKS[2].splitlines()) <= 6
    assert example != BLOCKS[2]
    exec(compile(example, "README.md", "exec"), {})
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("clip1.mp4 ")
    assert second.startswith("clip2.mp4 ")


@pytest.mark.parametrize("block", BLOCKS)
def test_the_examples_use_public_names_alone(block: str) -> None:
    used = set(re.findall(r"\bspm\.(\w+)", block))
    assert used
    assert used <= set(spm.__all__)
    assert not re.search(r"from spm|import spm\.", block)


@pytest.mark.parametrize("line", LINES)
def test_the_commands_that_the_pages_show_are_there_with_their_options(line: str) -> None:
    """A name that stands alone, as in this sentence, is not asked for its arguments."""
    name, *options = shlex.split(line)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    joining = project["entry-points"]["clip_spm.commands"]
    module = (OURS | joining)[name].removesuffix(":app")
    command = get_command(import_module(module).app)
    if options:
        command.make_context(name, options)


def test_the_pages_show_commands() -> None:
    assert {"classify", "predict", "convert", "preset", "experiments"} <= {
        line.split()[0] for line in LINES
    }


ROOMS = "bench|docs|examples|pipeline|spm|stages|tests"
MADE_UP = ("NAME", "warm_cosine", "stages/x.py")
"""What the pages tell a reader to write."""


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{name}" for name in PAGES)])
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = {
        name
        for name in re.findall(rf"`((?:{ROOMS})/[\w/.-]+\.\w+)", text)
        if not any(each in name for each in MADE_UP)
    }
    linked = {
        (ROOT / page).parent / name for name in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    }
    missing = {name for name in named if not _is_there(name)}
    missing |= {str(path) for path in linked if not path.exists()}
    assert not missing


def _is_there(name: str) -> bool:
    """docs/reliability.md names tests relative to tests/."""
    return any((folder / name).exists() for folder in (ROOT, ROOT / "tests"))


@pytest.mark.parametrize("name", spm.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(spm, name) is not None


def test_editors_and_type_checkers_see_the_same_names() -> None:
    stub = ast.parse((ROOT / "spm/__init__.pyi").read_text(encoding="utf-8"))
    imported = {
        f"{node.module}.{alias.asname}"
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {
        home if home == f"spm.{name}" else f"{home}.{name}" for name, home in spm._HOME.items()
    }
    (written,) = [node.value for node in stub.body if isinstance(node, ast.Assign)]
    assert ast.literal_eval(written) == spm.__all__ == sorted(spm._HOME)
    assert set(spm.__all__) <= set(dir(spm))


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="module 'spm' has no attribute 'read_clips'"):
        _ = spm.read_clips


@pytest.mark.usefixtures("workspace")
def test_a_clip_and_classes_come_as_the_model_takes_them() -> None:
    write_clip(Path("a.mp4"), num_frames=16)
    model = load_model("data/model").double()
    pixels = spm.read_clip("a.mp4", model=model)
    assert pixels.dtype == torch.uint8
    assert pixels.shape == (model.config.frames.num_segments, 32, 32, 3)
    there = spm.encode_classes(["PouringTea", "waving"], model=model)
    back = spm.encode_classes(["waving", "pouring tea"], model=model)
    assert there.dtype == torch.float64
    torch.testing.assert_close(there, back.flip(0))
