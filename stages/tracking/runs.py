"""Records each stage that does work as an MLflow run. No other code talks to MLflow.

    with tracking.stage_run("train", params={"train": section}, deps=[FRAMES], outs=[MODEL]) as run:
        run.log_metrics({"loss": 1.2})

A failure of the store never ends a stage that has begun to work. An unusable store is an InputError
at the start; if the store fails later, the stage prints one warning and goes on. The first run
imports MLflow; with `runtime.tracking: false` nothing does.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spm.base.yaml_file import read_yaml
from spm.config.base import Section
from spm.config.runtime import RuntimeConfig
from stages.shared import params as params_file
from stages.shared import paths
from stages.tracking.datasets import dataset_inputs
from stages.tracking.killed_runs import end_killed_runs, process_tag
from stages.tracking.provenance import as_text, content_hash, path_key, run_name, stage_tags
from stages.tracking.store import (
    artifact_folder,
    asking,
    check_server,
    prepare_environment,
    tracking_uri,
)

_PROJECT = "clip-spm"
_LOGGERS = ("mlflow", "alembic", "urllib3.connectionpool")
_UNTRACKED = (paths.INVENTORY, paths.WEIGHTS)
"""Outs of the stage `inventory`, which runs every time and has no MLflow run."""


class Run:
    """The MLflow run of a stage. It does nothing without a client, or once the store has failed."""

    def __init__(
        self, client: Any = None, *, run_id: str = "", document: Mapping[str, Any] | None = None
    ) -> None:
        self._client = client
        self.run_id = run_id
        self.document = document or {}
        """params.yaml as the stage found it: it may be edited while the stage works."""

    def log_metrics(self, values: Mapping[str, float]) -> None:
        """Logs the final metrics of the stage, as step 0."""
        self.log_history([{"step": 0, **values}])

    def log_history(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Logs rows as in train_curves.csv, each with a `step`, without empty cells (None, "").

        One batch of 1,000 numbers is ten times as fast as single calls; MLflow's client splits
        longer batches.
        """
        if self._client is None:
            return
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(value), now, int(row["step"]))
            for row in rows
            for name, value in row.items()
            if name != "step" and value is not None and value != ""
        ]
        self.attempt(lambda client: client.log_batch(self.run_id, metrics=metrics))

    def log_params(self, values: Mapping[str, str]) -> None:
        """Logs flat parameters, as provenance.as_text returns them."""
        if self._client is None:
            return
        from mlflow.entities import Param

        parameters = [Param(name, value) for name, value in values.items()]
        self.attempt(lambda client: client.log_batch(self.run_id, params=parameters))

    def log_artifact(self, path: Path) -> None:
        """Uploads a copy of a file or a folder."""
        log = "log_artifacts" if path.is_dir() else "log_artifact"
        self.attempt(lambda client: getattr(client, log)(self.run_id, str(path)))

    def log_beside(self, out: Path, *, file: Path) -> None:
        """Uploads a copy of `file` to the newest run that wrote the content of `out`. None did if
        DVC restored it, or the store is another."""

        def log(client: Any) -> None:
            if writer := producer(client, path_key(out), content_hash(out)):
                client.log_artifact(writer, str(file))

        self.attempt(log, lost=f"MLflow has no {file.name} beside {out.name}")

    def set_tag(self, name: str, value: str) -> None:
        self.attempt(lambda client: client.set_tag(self.run_id, name, value))

    def end(self, status: str) -> None:
        """Ends the run with the status FINISHED, FAILED or KILLED."""
        self.attempt(lambda client: client.set_terminated(self.run_id, status))

    def attempt(self, call: Callable[[Any], Any], *, lost: str | None = None) -> None:
        """Calls `call` with MLflow's client. An exception becomes a warning, and all later calls do
        nothing; where `lost` says in words what alone is missing then, they go on."""
        if self._client is None:
            return
        try:
            call(self._client)
        except Exception as error:  # no failure of the store may end hours of training
            self._client = self._client if lost else None
            reason = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
            what = lost or "no more is logged to MLflow in this stage"
            print(f"warning: {what}: {reason}", file=sys.stderr)


@contextmanager
def stage_run(
    stage: str,
    *,
    params: Mapping[str, Section],
    deps: Sequence[Path] = (),
    outs: Sequence[Path] = (),
    tags: Mapping[str, str] | None = None,
    whole_chain: bool = False,
) -> Iterator[Run]:
    """The MLflow run of `stage`; it lasts as long as the block, and is FAILED after an exception.

    params: the sections that the stage reads. whole_chain: log all sections instead, so that a
    table relates any parameter to the result. tags: further tags of the stage. Raises InputError
    for a store that does not answer.
    """
    runtime = params_file.load_runtime()
    if not runtime.tracking:
        yield Run()
        return
    document = read_yaml(params_file.PARAMS)
    sections = {name: section.model_dump() for name, section in params.items()}
    if whole_chain:
        sections = {name: value for name, value in document.items() if name != "runtime"}
    contents = {path: content_hash(path) for path in deps}
    run = _start(
        stage, uri=tracking_uri(runtime), document=document, contents=contents, own=tags or {}
    )
    run.log_params(as_text(sections))
    name = dataset_name(document)
    run.attempt(
        lambda client: client.log_inputs(
            run.run_id, dataset_inputs(stage, dataset=name, contents=contents)
        ),
        lost="MLflow does not name the data of this run",
    )
    try:
        yield run
    except BaseException as error:
        run.end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
        raise
    for path in outs:
        run.set_tag(f"out.{path_key(path)}", content_hash(path))
    run.end("FINISHED")


def grid_run(grid: str, *, runtime: RuntimeConfig) -> tuple[Any, str]:
    """A client, and the id of the parent run of the grid's points, created if there is none.

    Raises InputError for a store that does not answer.
    """
    uri = tracking_uri(runtime)
    prepare_environment()
    check_server(uri)
    with asking(uri):
        client = client_of(uri)
        experiment = _experiment_id(client, dataset_name(read_yaml(params_file.PARAMS)), uri=uri)
        runs = client.search_runs([experiment], filter_string=f"tags.grid = '{grid}'")
        run = next(iter(runs), None) or client.create_run(
            experiment, tags={"grid": grid}, run_name=f"grid {grid}"
        )
    return client, str(run.info.run_id)


def _start(
    stage: str,
    *,
    uri: str,
    document: Mapping[str, Any],
    contents: Mapping[Path, str],
    own: Mapping[str, str],
) -> Run:
    prepare_environment()
    check_server(uri)
    with asking(uri):
        client = client_of(uri)
        experiment_id = _experiment_id(client, dataset_name(document), uri=uri)
        end_killed_runs(client, experiment_id)
        tags = {**stage_tags(stage), **process_tag(), **_lineage(client, contents), **own}
        run = client.create_run(experiment_id, tags=tags, run_name=run_name(stage))
    return Run(client, run_id=run.info.run_id, document=document)


def client_of(uri: str) -> Any:
    """MLflow's client of a store, with MLflow's log silent but for errors."""
    import mlflow

    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow.MlflowClient(tracking_uri=uri)


def dataset_name(document: Mapping[str, Any]) -> str:
    """The name of the data set, and so of the MLflow experiment: one table has comparable runs."""
    dataset = document.get("dataset")
    return str(dataset.get("name", _PROJECT)) if isinstance(dataset, dict) else _PROJECT


def _experiment_id(client: Any, name: str, *, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    remote = not uri.startswith("sqlite:")
    location = None if remote else (artifact_folder() / name).as_uri()
    return str(client.create_experiment(name, artifact_location=location))


def _lineage(client: Any, contents: Mapping[Path, str]) -> dict[str, str]:
    """MLflow tags: each dep's hash, and the id of the run that wrote the dep ("from cache": DVC
    restored it)."""
    tags = {}
    for path, content in contents.items():
        key = path_key(path)
        tags[f"dep.{key}"] = content
        if path not in _UNTRACKED:
            tags[f"upstream.{key}"] = producer(client, key, content) or "from cache"
    return tags


def producer(client: Any, key: str, content: str) -> str | None:
    """The id of the newest run that wrote `content` to the out with this `path_key`."""
    experiments = [found.experiment_id for found in client.search_experiments()]
    runs = client.search_runs(
        experiments,
        filter_string=f"tags.`out.{key}` = '{content}'",
        max_results=1,
        order_by=["attributes.start_time DESC"],
    )
    return str(runs[0].info.run_id) if runs else None
