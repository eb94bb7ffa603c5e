"""What every command does around its work, in processes of their own."""

import getpass
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spm.base import command
from spm.base.errors import ConfigError
from tests.import_closure import ROOT
from tests.machines import disk, latin1, python, told, without_rights

PRINTS = """
import sys
from pathlib import Path
from spm.base import command
def main():
    print("… ± × Öffnen \\udce9")
    print("warning: … \\udce9", file=sys.stderr)
    Path("names.txt").write_text(repr([path.name for path in Path("clips").iterdir()]), "utf-8")
command.run(main)
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "clips/Öffnen").mkdir(parents=True)
    (tmp_path / "prints.py").write_text(PRINTS, encoding="utf-8")
    return tmp_path


LOCALES = {
    "C": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    "C as Python sees it": {"LC_ALL": "C"},
    "UTF-8": {"LC_ALL": "C.UTF-8"},
    "ASCII output": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "ascii"},
    "Latin-1 output": {"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1:strict"},
}


@pytest.mark.parametrize("locale", [*LOCALES, "Latin-1"])
def test_names_and_prints_in_any_locale(folder, locale):
    environment = LOCALES.get(locale) or latin1(folder / "locales")
    done = python("prints.py", folder=folder, **environment)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\n") == 2
    assert (folder / "names.txt").read_text(encoding="utf-8") == "['Öffnen']"
    shown = "\\u2026 \\xb1 \\xd7 \\xd6ffnen \\udce9" if locale == "ASCII output" else "Öffnen"
    assert shown in done.stdout or "\\xd6ffnen" in done.stdout


RAISES = """
import errno, os, signal, sys, time
from spm.base import command
from spm.base.errors import ConfigError
def main():
    what = sys.argv[1]
    if what == "config":
        raise ConfigError("train.lr is … wrong")
    if what == "closed":
        raise OSError(errno.EROFS, "Read-only file system", "data/frames")
    if what == "bug":
        raise OSError("a bug")
    if what == "ctrl-c":  # a shell's background jobs ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
    return 3
command.run(main)
"""


@pytest.mark.parametrize(
    ("what", "status", "lines", "said"),
    [
        ("config", 1, 1, "fails: error: train.lr is … wrong\n"),
        ("closed", 1, 1, "data/frames cannot be written: its disk is read-only. "),
        ("bug", 1, None, "Traceback"),
        ("status", 3, 0, ""),
        ("ctrl-c", 130, 1, "fails: interrupted\n"),
    ],
)
def test_errors_and_exit_status(tmp_path, what, status, lines, said):
    (tmp_path / "fails.py").write_text(RAISES, encoding="utf-8")
    done = python("fails.py", what, folder=tmp_path, PYTHONIOENCODING="utf-8")
    assert done.returncode == status
    assert said in done.stdout
    assert lines is None or done.stdout.count("\n") == lines


def test_a_reader_that_has_enough_ends_a_command_without_a_traceback(tmp_path):
    code = "from spm.base import command\ncommand.run(lambda: print('a line\\n' * 100_000))"
    (tmp_path / "long.py").write_text(code, encoding="utf-8")
    shown = f"{sys.executable} {tmp_path / 'long.py'} | head -n 1"
    done = subprocess.run(
        ["bash", "-c", f"{shown}; exit ${{PIPESTATUS[0]}}"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("a line\n", "", 1)


COMMANDS = ["pipeline.preset", "pipeline.experiments"]
COMMANDS += ["spm.predict", "spm.classify", "spm.convert"]
COMMANDS += [
    "spm.results.accuracy_table",
    "stages.frames",
    "stages.commands.gc",
    "stages.commands.ui",
    "bench",
]


@pytest.mark.parametrize("module", COMMANDS)
def test_every_command_is_run_by_it(module):
    name = f"{module}.__main__" if module == "bench" else module
    path = Path(*name.split(".")).with_suffix(".py")
    text = (ROOT / path).read_text(encoding="utf-8")
    called = r"command\.run\((single_instance\()?main\)+"
    assert re.search(rf'\nif __name__ == "__main__":\n    {called}\n$', text)


def nobody(monkeypatch):
    """A user that is but a number, as in `docker run --user 12345`."""
    import pwd

    def no_entry(user):
        raise KeyError(f"getpwuid(): uid not found: {user}")

    monkeypatch.setattr(pwd, "getpwuid", no_entry)
    for name in ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "to be restored")
        monkeypatch.delenv(name)


def test_a_user_without_name_and_home(monkeypatch, capsys):
    nobody(monkeypatch)
    with pytest.raises(RuntimeError):
        Path.home()
    command.run(lambda: 0)
    assert getpass.getuser() == str(os.getuid())
    assert Path.home().is_dir()
    assert told("no HOME").search(capsys.readouterr().err)


def test_dvc_wants_a_name(tmp_path):
    """Why README says USER=x. Some rights are kept: Python itself may lie in a closed folder."""
    if os.getuid():
        pytest.skip("becoming another user needs root")
    tmp_path.chmod(0o777)
    caps = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"]
    other = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", *caps]
    dvc = ["env", "-i", "HOME=/tmp", "DVC_NO_ANALYTICS=1"]
    said = [
        subprocess.run(
            [*other, *dvc, *name, sys.executable, "-m", "dvc", "init", "--no-scm", "-f"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        for name in ([], ["USER=x"])
    ]
    assert [done.returncode == 0 for done in said] == [False, True], said
    assert told("a user without a name, for DVC").search(said[0].stderr)


STATE = """
from spm.base import command
from stages.shared import paths
command.run(lambda: print(paths.state_dir()))
"""


def test_the_state_folder_is_asked_for_before_any_work(tmp_path):
    with disk(tmp_path / "closed", options="ro") as closed:
        done = python("-c", STATE, folder=tmp_path, CLIP_SPM_STATE=str(closed / "state"))
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert told("read-only state folder").search(done.stdout)
    assert python("-c", STATE, folder=tmp_path, CLIP_SPM_STATE="").stdout.endswith("/.state\n")
    assert (tmp_path / "relative").exists() is False
    done = python("-c", STATE, folder=tmp_path, CLIP_SPM_STATE="relative")
    assert done.stdout == f"{tmp_path}/relative\n"


def test_a_parameter_error_is_the_command_s(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["/x/bench/__main__.py"])

    def main():
        raise ConfigError("no")

    with pytest.raises(SystemExit) as end:
        command.run(main)
    assert end.value.code == "bench: error: no"


def test_rights_come_back(tmp_path):
    with without_rights(tmp_path):
        pass
    (tmp_path / "file").touch()
