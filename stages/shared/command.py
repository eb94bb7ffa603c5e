"""Runs a stage as a command, `python -m stages.<name>`, also in DVC's copy of the project."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from pipeline.machine.places import link_outside, project_of
from spm.base import command
from spm.base.errors import InputError
from spm.base.yaml_file import read_yaml

_COPY = (
    "in DVC's copy of {project}, which has only files that git knows: `git add` there what is new"
)


def run(stage: Callable[[], int | None]) -> None:
    """Runs `stage` as spm.base.command does.

    DVC's copy of the project lacks files that git ignores, so weights are linked there first.
    """
    here = Path.cwd()
    project = project_of(here)
    command.run(stage if project == here else partial(_in_copy, stage, project=project))


def _in_copy(stage: Callable[[], int | None], *, project: Path) -> int | None:
    """Links the weights and runs `stage`. Adds to an InputError that the folder is DVC's copy."""
    here = Path.cwd()
    try:
        link_outside(read_yaml(here / "params.yaml"), copy=here, root=project)
        return stage()
    except InputError as error:
        raise InputError(f"{error}\n({_COPY.format(project=project)})") from error
