"""The working tree as it is, copied without touching it."""

import subprocess
from pathlib import Path

import pytest

from pipeline.grids.snapshot import WorkingCopy, take_snapshot
from pipeline.machine.git_and_dvc import cache_folder
from spm.base.errors import InputError
from spm.base.yaml_file import read_yaml
from tests.machines import told

PARAMETERS = {"model": {"method": "otam"}}
DVC_YAML = """
stages:
  train: {cmd: t, deps: [code/train.py, code/head], outs: [data/model]}
  evaluate:
    cmd: e
    deps: [data/model, code/evaluate.py, "code/${model.method}"]
    metrics: [data/e.json: {cache: false}]
  report: {cmd: r, deps: [data/e.json, code/report.py], outs: [data/report]}
"""


def git(folder, *arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path):
    """A commit, and on top of it a change, a new file, one that is gone, and an ignored one."""
    folder = tmp_path / "project"
    files = {"params.yaml": "model: {padm: true}  # switch\n", "dvc.yaml": DVC_YAML, "gone": "g"}
    files |= {".gitignore": "/models/\n", ".dvc/config": "", "models/a.pt": "weights"}
    files |= {
        f"code/{name}.py": "1"
        for name in ("train", "evaluate", "report", "head/spm", "otam/a", "spm/a")
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    (folder / "code/train.py").write_text("2")
    (folder / "code/head/new.py").write_text("3")
    (folder / "gone").unlink()
    return folder


def test_a_copy_has_the_files_as_they_are_and_the_project_stays(project, tmp_path):
    status, index = git(project, "status", "--porcelain"), (project / ".git/index").read_bytes()
    snapshot = take_snapshot(project)
    copy = WorkingCopy(tmp_path / "copy", snapshot=snapshot, cache=tmp_path / "cache")
    copy.reset({"model.padm": False})
    assert (copy.folder / "code/train.py").read_text() == "2"
    assert (copy.folder / "code/head/new.py").read_text() == "3"
    assert not (copy.folder / "gone").exists()
    assert not (copy.folder / "models").exists()
    assert read_yaml(copy.folder / "params.yaml") == {"model": {"padm": False}}
    assert "# switch" in (copy.folder / "params.yaml").read_text()
    assert git(copy.folder, "rev-parse", "HEAD") == git(project, "rev-parse", "HEAD")
    assert cache_folder(copy.folder) == tmp_path / "cache"
    assert git(project, "status", "--porcelain") == status
    assert (project / ".git/index").read_bytes() == index
    (copy.folder / "code/train.py").write_text("damaged")
    copy.reset({})
    assert (copy.folder / "code/train.py").read_text() == "2"
    assert read_yaml(copy.folder / "params.yaml") == {"model": {"padm": True}}


def test_code_is_what_the_measurement_depends_on(project):
    def code(method: str = "otam") -> dict[str, str]:
        return take_snapshot(project).code({"model": {"method": method}})

    before = code()
    measured = ("train", "evaluate", "head/spm", "head/new", "otam/a")
    assert set(before) == {f"code/{name}.py" for name in measured}
    (project / "code/report.py").write_text("another page")
    (project / "code/spm/a.py").write_text("another method, which is not the point's")
    assert code() == before
    assert set(code("spm")) == {*before, "code/spm/a.py"} - {"code/otam/a.py"}
    (project / "code/head/spm.py").write_text("another head")
    assert code() != before


def a_copy(project: Path, place: Path) -> WorkingCopy:
    return WorkingCopy(place, snapshot=take_snapshot(project), cache=place / "cache")


def test_of_a_project_in_a_sub_folder_the_copy_has_the_whole_repository(project, tmp_path):
    (project / ".git").rename(tmp_path / ".git")
    (tmp_path / "other").write_text("beside it")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "moved")
    (project / "code/train.py").write_text("4")
    (tmp_path / "other").write_text("not the project's")
    assert "code/train.py" in take_snapshot(project).code(PARAMETERS)
    copy = a_copy(project, tmp_path / "place")
    copy.reset({"model.padm": False})
    assert copy.folder == tmp_path / "place/project"
    assert (copy.folder / "code/train.py").read_text() == "4"
    assert (tmp_path / "place/other").read_text() == "beside it"
    git(copy.folder, "update-ref", f"refs/exps/{_split(project)}/name", "HEAD")
    copy.publish("name")
    assert git(project, "rev-parse", f"refs/exps/{_split(project)}/name")


def _split(project: Path) -> str:
    head = git(project, "rev-parse", "HEAD")
    return f"{head[:2]}/{head[2:]}"


def _worktree(project: Path) -> Path:
    git(project, "worktree", "add", "-q", "../made")
    return project.parent / "made"


def _shallow(project: Path) -> Path:
    git(project, "commit", "-q", "--allow-empty", "-m", "second")
    git(project.parent, "clone", "-q", "--depth", "1", f"file://{project}", "made")
    return project.parent / "made"


def _submodule(project: Path) -> Path:
    around = project.parent / "around"
    git(project.parent, "init", "-q", str(around))
    git(
        around, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(project), "m"
    )
    return around / "m"


@pytest.mark.parametrize("make", [_worktree, _shallow, _submodule])
def test_of_every_kind_of_repository_there_is_a_copy(project, tmp_path, make):
    made = make(project)
    (made / "code/train.py").write_text("not committed")
    copy = a_copy(made, tmp_path / "place")
    copy.reset({})
    assert (copy.folder / "code/train.py").read_text() == "not committed"
    assert git(copy.folder, "rev-parse", "HEAD") == git(made, "rev-parse", "HEAD")
    git(copy.folder, "update-ref", f"refs/exps/{_split(made)}/name", "HEAD")
    copy.publish("name")


def test_a_submodule_matters_where_it_holds_code(project, tmp_path):
    git(tmp_path, "init", "-q", "theirs")
    git(tmp_path / "theirs", "commit", "-q", "--allow-empty", "-m", "start")
    add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "-f", "../theirs"]
    git(project, "remote", "add", "origin", str(project))
    git(project, *add, "docs/theme")
    assert take_snapshot(project).code(PARAMETERS)
    git(project, *add, "code/head/theirs")
    with pytest.raises(InputError, match=told("a grid, code in a submodule").pattern):
        take_snapshot(project).code(PARAMETERS)


def test_without_a_commit_it_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match=told("a grid, an archive without git").pattern):
        take_snapshot(tmp_path)
    git(tmp_path, "init", "-q")
    with pytest.raises(InputError, match="could start from: git add -A; git commit"):
        take_snapshot(tmp_path)
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "without the project")
    with pytest.raises(InputError, match="could start from: git add -A; git commit"):
        take_snapshot(tmp_path)


def test_what_git_refuses_is_said_in_its_words(project, monkeypatch):
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own, for its tests
    with pytest.raises(InputError, match=r"safe\.directory") as error:
        take_snapshot(project)
    assert told("a grid, somebody else's repository").search(str(error.value))


def test_what_dvc_refuses_is_said_in_its_words(project):
    (project / ".dvc/config").write_text("[cache\n")
    with pytest.raises(InputError, match=r"dvc in .*project says: "):
        cache_folder(project)


def test_without_git_it_says_so(project, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="git cannot be run"):
        take_snapshot(project)
