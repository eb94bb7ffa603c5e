"""`clip-spm`: which commands there are, in a clone and where the wheel is installed alone."""

import json
import re
import resource
import subprocess
import sys
import zipfile
from importlib.metadata import EntryPoint, distributions
from pathlib import Path

import pytest

from bench.burnt import write_clip
from spm import cli
from spm.recognition import by_examples
from stages.commands import garbage
from tests.import_closure import ROOT
from tests.machines import python
from tests.wheel import build_wheel

LIBRARY = [
    "classes",
    "classify",
    "convert",
    "enroll",
    "explain",
    "find",
    "page",
    "predict",
    "recognize",
    "table",
]
JOINING = ["experiments", "gc", "preset", "ui"]
HEAVY = {"torch", "open_clip", "mlflow", "prefect", "dvc", "distributed", "matplotlib", "gradio"}
SECONDS = 1.5


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed: spm, and the metadata of clip-spm."""
    wheel = build_wheel(tmp_path_factory.mktemp("wheel"))
    site = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(site)
    return site


@pytest.fixture(scope="module")
def clone(alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The metadata alone, as an editable install has it: spm is this clone's."""
    site = tmp_path_factory.mktemp("editable")
    (info,) = alone.glob("clip_spm-*.dist-info")
    (site / info.name).symlink_to(info)
    (site / "spm").symlink_to(ROOT / "spm")
    return site


def entry_points_of(site: Path) -> dict[str, EntryPoint]:
    (found,) = distributions(path=[str(site)])
    return {point.name: point for point in found.entry_points.select(group=cli.GROUP)}


def clip_spm(*arguments: str, site: Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    """As the console script runs it: the current folder is no place for modules."""
    script = "import sys; from spm.cli import main; sys.argv[0] = '/bin/clip-spm'; sys.exit(main())"
    return python("-P", "-c", script, *arguments, folder=folder, PYTHONPATH=str(site))


def commands(said: str) -> list[str]:
    return sorted(re.findall(r"^  (\w+)  ", said.split("Commands:\n")[1], re.MULTILINE))


def test_the_console_script_is_the_command(alone: Path) -> None:
    (found,) = distributions(path=[str(alone)])
    (script,) = found.entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("clip-spm", "spm.cli:main")


def test_in_a_clone_all_commands_are_there(clone: Path, tmp_path: Path) -> None:
    done = clip_spm("--help", site=clone, folder=tmp_path)
    assert done.returncode == 0
    assert commands(done.stdout) == sorted(LIBRARY + JOINING)


def test_the_wheel_alone_has_the_librarys(alone: Path, tmp_path: Path) -> None:
    done = clip_spm("--help", site=alone, folder=tmp_path)
    assert done.returncode == 0
    assert commands(done.stdout) == LIBRARY


def test_a_command_goes_by_the_name_of_its_entry_point(clone: Path, tmp_path: Path) -> None:
    points = entry_points_of(clone)
    assert sorted(points) == JOINING
    for name, point in points.items():
        (command,) = point.load().registered_commands
        assert command.callback.__name__ == name


def test_the_wheel_alone_classifies_clips_in_any_folder(alone: Path, tmp_path: Path) -> None:
    """Without training, where there is neither params.yaml nor git, nor any network."""
    for name in ("support/waving/a.mp4", "support/Pouring Tea/b.mp4", "clip.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(tmp_path / name, num_frames=16)
    given = ["classify", "--tower", "builtin-clip", "--support", "support", "clip.mp4"]
    done = clip_spm(*given, site=alone, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "OTAM, not trained, on the weights built-in of builtin-clip" in done.stdout
    assert re.search(r"^  waving       +50\.00 %$", done.stdout, re.MULTILINE)
    assert {path.name for path in tmp_path.iterdir()} == {"support", "clip.mp4"}


@pytest.mark.slow
def test_the_wheel_alone_enrolls_and_recognizes(alone: Path, tmp_path: Path) -> None:
    for name in ("support/waving/a.mp4", "support/Pouring Tea/b.mp4", "clip.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(tmp_path / name, num_frames=16)
    given = ["enroll", "support", "--tower", "builtin-clip", "--out", "kitchen"]
    done = clip_spm(*given, site=alone, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    done = clip_spm("recognize", "kitchen", "--json", "clip.mp4", site=alone, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["probabilities"] == {"Pouring Tea": 0.5, "waving": 0.5}


@pytest.mark.slow
def test_a_clone_looks_up_registered_models_and_the_wheel_alone_says_what_that_needs(
    alone: Path, clone: Path, tmp_path: Path
) -> None:
    for name in ("support/a/a.mp4", "support/b/b.mp4"):
        (tmp_path / name).parent.mkdir(parents=True)
        write_clip(tmp_path / name, num_frames=16)
    name = "models:/clip-spm-motion@best"
    given = ["support", "--model", name, "--out", "kitchen"]
    done = clip_spm("enroll", *given, site=clone, folder=tmp_path)
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    assert f"{name} is a name in the MLflow store that params.yaml says" in done.stdout
    for command in (["enroll", *given], ["predict", "c.mp4", "--support", *given[:3]]):
        done = clip_spm(*command, site=alone, folder=tmp_path)
        assert (done.returncode, done.stdout.count("\n")) == (1, 1)
        assert f"{name} is no folder, and the package stages is not installed: " in done.stdout
        assert "`pip install -e .[pipeline]`" in done.stdout


@pytest.mark.parametrize("name", JOINING)
def test_the_wheel_alone_says_what_the_others_need(alone: Path, tmp_path: Path, name: str) -> None:
    done = clip_spm(name, "--help", site=alone, folder=tmp_path)
    assert done.returncode == 1
    package = "stages" if name in ("gc", "ui") else "pipeline"
    assert done.stdout == (
        f"clip-spm: error: {name} needs the package {package}, which is not installed: run it in a "
        "clone of the project, after `pip install -e .[pipeline]`\n"
    )


def test_a_clone_without_the_pipelines_packages_says_so(
    clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow and the others are an extra; what spm itself lacks stays a traceback."""

    def lacking(*args: object, **options: object) -> None:
        raise ModuleNotFoundError(name="mlflow")

    points = entry_points_of(clone)
    monkeypatch.setattr(cli, "entry_points", lambda group: points.values())
    monkeypatch.setattr(garbage, "collect", lacking)
    monkeypatch.setattr("sys.argv", ["/bin/clip-spm", "gc"])
    with pytest.raises(SystemExit, match=r"^clip-spm: error: gc needs the package mlflow, which"):
        cli.main()
    monkeypatch.setattr(by_examples, "print_predictions", lacking)
    monkeypatch.setattr("sys.argv", ["clip-spm", "predict", "--model=m", "--support=s", "c.mp4"])
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_the_exit_status_is_that_of_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(by_examples, "print_predictions", lambda *clips, **options: 1)
    monkeypatch.setattr("sys.argv", ["clip-spm", "predict", "--model=m", "--support=s", "-c.mp4"])
    Path("-c.mp4").touch()
    with pytest.raises(SystemExit, match=r"^1$"):
        cli.main()


def test_a_command_that_is_none(clone: Path, tmp_path: Path) -> None:
    done = clip_spm("predicd", site=clone, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("clip-spm: error: No such command 'predicd'. Did you mean")
    assert done.stdout.count("\n") == 1
    assert clip_spm(site=clone, folder=tmp_path).returncode == 2


IMPORTED = """
import sys
from spm.cli import main
try:
    main()
finally:
    print(*{name.split(".")[0] for name in sys.modules}, file=sys.stderr)
"""


@pytest.mark.parametrize("line", [[], *([name] for name in LIBRARY + JOINING)])
def test_help_is_quick_and_imports_nothing_heavy(
    clone: Path, tmp_path: Path, line: list[str]
) -> None:
    begin = _children_seconds()
    done = subprocess.run(
        [sys.executable, "-P", "-c", IMPORTED, *line, "--help"],
        env={"PYTHONPATH": str(clone)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "Usage: clip-spm" in done.stdout, done.stderr
    assert not HEAVY & set(done.stderr.split())
    assert _children_seconds() - begin < SECONDS


def _children_seconds() -> float:
    """Of processor time: the machine may be busy."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_input_a_command_refuses_is_one_sentence(clone: Path, tmp_path: Path) -> None:
    """And `python -m` says the same under its own name."""
    given = ["predict", "--model", "m", "--support", "none", "c.mp4"]
    done = clip_spm(*given, site=clone, folder=tmp_path)
    other = python("-m", "spm.predict", *given[1:], folder=tmp_path)
    assert done.returncode == other.returncode == 1
    said = done.stdout.removeprefix("clip-spm: error: ")
    assert said == other.stdout.removeprefix("predict: error: ") != other.stdout
    assert said.count("\n") == 1
