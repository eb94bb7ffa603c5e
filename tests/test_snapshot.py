"""The working tree as it is, copied without touching it."""

import subprocess
from pathlib import Path

import pytest

from pipeline.snapshot import WorkingCopy, cache_folder, take_snapshot
from spm.errors import InputError
from spm.yaml_file import read_yaml

DVC_YAML = """
stages:
  train: {cmd: t, deps: [code/train.py, code/head], outs: [data/model]}
  evaluate: {cmd: e, deps: [data/model, code/evaluate.py], metrics: [data/e.json: {cache: false}]}
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
    files |= {f"code/{name}.py": "1" for name in ("train", "evaluate", "report", "head/spm")}
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
    copy.bring(Path("models"))
    assert (copy.folder / "models/a.pt").read_text() == "weights"


def test_code_is_what_the_measurement_depends_on(project):
    before = take_snapshot(project).code()
    assert set(before) == {f"code/{n}.py" for n in ("train", "evaluate", "head/spm", "head/new")}
    (project / "code/report.py").write_text("another page")
    assert take_snapshot(project).code() == before
    (project / "code/head/spm.py").write_text("another head")
    assert take_snapshot(project).code() != before


def test_without_a_commit_it_says_what_to_do(tmp_path):
    git(tmp_path, "init", "-q")
    with pytest.raises(InputError, match="git commit"):
        take_snapshot(tmp_path)
