"""What DVC prints side by side fits 120 columns, with stages that only write what is shown."""

import re

import pytest

from tests.import_closure import ROOT
from tests.project import Project

pytestmark = pytest.mark.slow

STAGE = """
import json, random, sys
from pathlib import Path
from ruamel.yaml import YAML
from spm.results.document import headline

document, parameters = (YAML(typ="safe").load(Path(name)) for name in ("dvc.yaml", "params.yaml"))
stage = document["stages"][sys.argv[1]]
values = [parameters[name] for name in ("train", "model")] * (sys.argv[1] in ("train", "evaluate"))
number = round(90 * random.Random(repr(values)).random(), 4)
for out in [out for kind in ("outs", "metrics", "plots") for out in stage.get(kind, [])]:
    path = Path(next(iter(out)) if isinstance(out, dict) else out)
    path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(Path("results.json").read_text())
    for each in (results, results["inductive"], results["baselines"]["mean_pooled_cosine"]):
        each["accuracy"], each["ci95"] = number, number / 100
    text = {
        "data/train.json": json.dumps({"best_val_accuracy": number}),
        "data/results/evaluate.json": json.dumps(results),
        "data/results/metrics.json": json.dumps(headline(results)),
    }.get(str(path), f"step,accuracy,val_accuracy,loss,L_CE,text,actual,predicted\\n{number}\\n")
    if path.suffix:
        path.write_text(text)
    else:
        path.mkdir(exist_ok=True)
        (path / "file").write_text(text)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Two experiments that differ in two parameters: more of them make no table wider."""
    project = Project(tmp_path_factory.mktemp("project"))
    (project.folder / "fake.py").write_text(STAGE, encoding="utf-8")
    results = (ROOT / "data/results/evaluate.json").read_text(encoding="utf-8")
    (project.folder / "results.json").write_text(results, encoding="utf-8")
    document = project.folder / "dvc.yaml"
    text = document.read_text(encoding="utf-8").replace("python -m stages.", "python fake.py ")
    text = text.replace("    always_changed: true\n", "").replace("        persist: true\n", "")
    text = text.replace(".parquet:\n", ".parquet\n").replace("weights.json:\n", "weights.json\n")
    document.write_text(text, encoding="utf-8")
    project.dvc("repro")
    project.commit("results")
    for number in range(2):
        learning = f"train.lr={(number + 1) / 1e4}"
        project.dvc("exp", "run", "-S", learning, "-S", f"model.padm={number % 2 == 0}")
    return project


def width(table):
    return max(map(len, table.splitlines()))


def test_metrics_fit_a_terminal(project):
    shown = project.dvc("metrics", "show").stdout
    assert {"accuracy", "ci95", "cosine", "inductive", "best_val_accuracy"} <= set(shown.split())
    assert width(shown) <= 120


def test_experiments_fit_a_terminal_by_the_command_of_the_readme(project):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (dropped,) = re.findall(r"dvc exp show --only-changed --drop '(.+?)'", readme)
    shown = project.dvc("exp", "show", "--only-changed", "--drop", dropped).stdout
    assert shown.count("├──") + shown.count("└──") == 2
    assert {"accuracy", "best_val_accuracy", "train.lr", "model.padm"} <= set(shown.split())
    assert width(shown) <= 120
