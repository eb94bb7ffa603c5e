"""examples/: each notebook runs from its first cell to its last, as it stands."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from spm.model.model import save_model
from spm.recognition.from_tower import model_from_tower
from tests import backgrounds
from tests.import_closure import ROOT

NOTEBOOK = ROOT / "examples/own_actions.ipynb"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a `data/model` that tells "none of these": the package's tower with otam."""
    model = model_from_tower("builtin-clip", method="otam")
    model.background = backgrounds.background(frames=8, channels=model.channels)
    save_model(model, tmp_path / "data/model")
    (tmp_path / "examples").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return tmp_path


@pytest.mark.slow
def test_the_notebook_on_own_actions_runs_to_its_last_cell(clone: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    resources = {"metadata": {"path": str(clone / "examples")}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources)
    client.execute()  # raises CellExecutionError at the first cell that fails
    printed = ["".join(each.get("text", "") for each in cell.outputs) for cell in code(notebook)]
    taught, recognized, added, found = printed[1:5]
    assert "none of these: of other clips about 10 % pass" in taught
    assert len(recognized.splitlines()) == 4
    assert "moving_something_in_a_circle_clockwise" in added
    assert " s  " in found
    (picture,) = code(notebook)[-1]["outputs"]
    assert "image/png" in picture["data"]
    assert (clone / "examples/own_actions/kitchen/recognizer.json").is_file()


def test_the_notebook_in_git_has_run_in_the_order_of_its_cells() -> None:
    """What it shows is of its own code: all cells ran, one after the other, and none failed."""
    cells = code(nbformat.read(NOTEBOOK, as_version=4))
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    kinds = {each["output_type"] for cell in cells for each in cell["outputs"]}
    assert "error" not in kinds
    assert not any(each.get("name") == "stderr" for cell in cells for each in cell["outputs"])


def code(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
