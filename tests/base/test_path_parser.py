"""Paths are paths, whatever their characters."""

import os
import re

import pytest

from spm.base.path_parser import PathParser, printable


@pytest.fixture
def parser():
    parser = PathParser(prog="predict")
    parser.add_argument("--model", required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("clips", nargs="+")
    return parser


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("-kYz.mp4", "--b.mp4", "-h.mp4", "-m=x.mp4", "--mod", "-1", "c.mp4"):
        (tmp_path / name).touch()
    return tmp_path


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
            ["--model", "m", "a b.mp4", "a\nb.mp4", "[a]*?.mp4"],
            ["a b.mp4", "a\nb.mp4", "[a]*?.mp4"],
        ),
        (["--model", "m", "c.mp4", "c.mp4"], ["c.mp4", "c.mp4"]),
    ],
)
def test_what_is_a_path(parser, line, clips):
    options = parser.parse_args(line)
    assert (options.clips, options.model, options.all) == (clips, "m", False)


@pytest.mark.parametrize("model", ["-x/", "--x", "-", "a=b", "", "-1"])
def test_the_value_of_an_option_is_one_whatever_it_begins_with(parser, model):
    assert parser.parse_args(["--model", model, "--all", "c.mp4"]).model == model
    assert parser.parse_args([f"--model={model}", "c.mp4"]).model == model


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["--model", "m", "--al", "c.mp4"], "there is no option --al, and no file of that name"),
        (["--model", "m", "-kYz2.mp4"], r"a new file would be \./-kYz2\.mp4"),
        (["--model"], "--model: expected one argument"),
        (["--model", "--all", "c.mp4"], "--model: expected one argument"),
        (["--model", "m"], "required: clips"),
        (["--all=1", "--model", "m", "c.mp4"], "--all: ignored explicit argument"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(parser, line, message, capsys):
    with pytest.raises(SystemExit):
        parser.parse_args(line)
    printed = capsys.readouterr().err
    assert re.search(message, printed.splitlines()[-1])


@pytest.mark.parametrize(
    ("name", "printed"),
    [
        (b"a b.mp4", "a b.mp4"),
        ("größe.mp4".encode(), "größe.mp4"),
        (b"a\nb\x1b[2J.mp4", r"a\nb\x1b[2J.mp4"),
        (b"bad\xff.mp4", r"bad\xff.mp4"),
    ],
)
def test_a_path_in_a_line(name, printed):
    assert printable(os.fsdecode(name)) == printed


def test_commands_of_the_project_take_such_paths(folder, monkeypatch):
    from pipeline import experiments
    from spm import convert

    monkeypatch.setattr("sys.argv", ["convert", "--back", "--heads", "4", "--mod", "./-new.pt"])
    options = convert._arguments()
    assert (str(options.source), str(options.target), options.heads) == ("--mod", "-new.pt", 4)
    monkeypatch.setattr("sys.argv", ["experiments", "-kYz.mp4", "--jobs", "2"])
    assert (experiments._options().grid, experiments._options().jobs) == ("-kYz.mp4", 2)
