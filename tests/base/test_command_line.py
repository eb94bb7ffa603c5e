"""Command lines: paths are paths, whatever their characters, and what is wrong is one sentence."""

from pathlib import Path
from typing import Annotated

import pytest
from typer import Argument, Option

from spm.base.command_line import PathCommand, new_app, run_app
from spm.base.errors import DataError

CLASSIFY = new_app()
GIVEN: list[tuple[list[str], str, bool]] = []


@CLASSIFY.command(cls=PathCommand)
def classify(
    clips: Annotated[list[Path], Argument(metavar="CLIP", parser=Path)],
    model: Annotated[str, Option()],
    all_: Annotated[bool, Option("--all")] = False,
) -> int:
    """Classifies clips."""
    if model == "broken":
        raise DataError("the model is broken")
    GIVEN.append(([str(clip) for clip in clips], model, all_))
    return 3


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-kYz.mp4", "--b.mp4", "-h.mp4", "-m=x.mp4", "--mod", "-1", "c.mp4"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.fixture
def run(monkeypatch):
    def call(line: list[str]) -> int:
        GIVEN.clear()
        monkeypatch.setattr("sys.argv", ["classify", *line])
        return run_app(CLASSIFY, prog="classify")

    return call


@pytest.mark.parametrize(
    ("line", "clips"),
    [
        (["--model", "m", "-kYz.mp4", "c.mp4"], ["-kYz.mp4", "c.mp4"]),
        (["-kYz.mp4", "c.mp4", "--model", "m"], ["-kYz.mp4", "c.mp4"]),
        (["c.mp4", "--model", "m", "--b.mp4"], ["c.mp4", "--b.mp4"]),
        (["--model=m", "-h.mp4", "-1", "-m=x.mp4"], ["-h.mp4", "-1", "-m=x.mp4"]),
        (["--model", "m", "--mod"], ["--mod"]),  # no abbreviation of an option
        (["--model", "m", "--", "--all", "-h"], ["--all", "-h"]),
        (
            ["--model", "m", "a b.mp4", "a\nb.mp4", "[a]*?.mp4", "\udcff.mp4"],
            ["a b.mp4", "a\nb.mp4", "[a]*?.mp4", "\udcff.mp4"],
        ),
        (["--model", "m", "c.mp4", "c.mp4"], ["c.mp4", "c.mp4"]),
    ],
)
def test_what_is_a_path(run, line, clips):
    assert run(line) == 3  # what the command returns
    assert [(clips, "m", False)] == GIVEN


@pytest.mark.parametrize("model", ["-x/", "--x", "-", "a=b", "", "-1"])
def test_the_value_of_an_option_is_one_whatever_it_begins_with(run, model):
    run(["--model", model, "--all", "c.mp4"])
    assert [(["c.mp4"], model, True)] == GIVEN
    run([f"--model={model}", "c.mp4"])
    assert [(["c.mp4"], model, False)] == GIVEN


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--model", "m", "--al", "c.mp4"], "there is no option --al, and no file of that name"),
        (["--model", "m", "-kYz2.mp4"], "a new file would be ./-kYz2.mp4"),
        (["--model"], "--model needs a value"),
        (["--model", "--all", "c.mp4"], "--model needs a value"),
        (["--model", "m"], "Missing argument 'CLIP'"),
        (["c.mp4"], "Missing option '--model'"),
        (["--all=1", "--model", "m", "c.mp4"], "'--all' does not take a value"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(run, line, message, capsys):
    assert run(line) == 2
    (printed,) = capsys.readouterr().err.splitlines()
    assert printed.startswith("classify: error: ")
    assert message in printed
    assert not GIVEN


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_plain_text(run, option, capsys):
    assert run([option]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Usage: classify [OPTIONS] {CLIP}...\n\n  Classifies clips.\n")
    assert "--model" in printed
    assert printed.isascii()


def test_what_the_command_raises_comes_through(run):
    with pytest.raises(DataError, match="the model is broken"):
        run(["--model", "broken", "c.mp4"])


def test_commands_of_the_project_take_such_paths(monkeypatch):
    import pipeline.experiments
    import pipeline.grids.experiment
    import spm.convert
    import spm.released.convert

    given = []
    monkeypatch.setattr(spm.released.convert, "to_released", lambda *paths: given.append(paths))
    monkeypatch.setattr("sys.argv", ["convert", "--back", "--heads", "4", "--mod", "./-new.pt"])
    spm.convert.main()
    assert given.pop() == (Path("--mod"), Path("-new.pt"))

    def run_grid(name, **options):
        given.append((name, options["jobs"]))
        return []

    monkeypatch.setattr(pipeline.grids.experiment, "run_grid", run_grid)
    Path("params.yaml").touch()
    monkeypatch.setattr("sys.argv", ["experiments", "-kYz.mp4", "--jobs", "2"])
    assert pipeline.experiments.main() == 0
    assert given == [("-kYz.mp4", 2)]
