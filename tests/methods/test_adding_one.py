"""What docs/methods.md says about a new method is done to a copy of the project, to the letter."""

import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.import_closure import ROOT
from tests.project import Project

NAME = "warm_cosine"
_BLOCK = re.compile(r"```(?:python|yaml)\n# (\S+)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("project"))
    text = (ROOT / "docs/methods.md").read_text(encoding="utf-8")
    for path, content in _BLOCK.findall(text):
        file = project.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    (project.folder / f"spm/methods/{NAME}/__init__.py").touch()
    return project


def run(project: Project, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project.folder,
        env=project.environment() | {"PYTHONPATH": str(project.folder)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_walk_has_all_files_of_a_method_in_forty_lines(project: Project) -> None:
    folder = project.folder / f"spm/methods/{NAME}"
    assert sorted(path.name for path in folder.iterdir()) == [
        "__init__.py",
        "config.py",
        "method.py",
        "values.yaml",
    ]
    code = [
        line
        for path in folder.iterdir()
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.lstrip().startswith(("#", '"""', "from", "import"))
    ]
    assert len(code) <= 40


@pytest.mark.slow
def test_the_rules_are_asked_of_it_and_it_keeps_them(project: Project) -> None:
    said = run(
        project, "pytest", "-q", "-p", "no:cacheprovider", "tests/methods/test_rules.py", "-k", NAME
    )
    assert int(re.search(r"(\d+) passed", said)[1]) >= 18


@pytest.mark.slow
def test_it_has_a_row_in_a_table(project: Project) -> None:
    project.commit("a method")
    run(project, "pipeline.experiments", "mine.yaml", "--jobs", "1")
    (table,) = Path(project.folder / "data/experiments").glob("mine-*/table.parquet")
    rows = {row["row"]: row for row in pq.read_table(table).to_pylist()}
    assert rows["warm cosine"]["accuracy"] > 0
    assert rows["warm cosine"]["difference"] is not None


def test_without_it_the_project_has_no_such_method() -> None:
    assert not Path(ROOT / f"spm/methods/{NAME}").exists()
