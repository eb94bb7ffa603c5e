"""What every stage's `python -m stages.<name>` does around its work."""

import sys
from collections.abc import Callable
from pathlib import Path

from pipeline.places import link_outside, project_of
from spm.errors import InputError
from spm.yaml_file import read_yaml

_COPY = (
    "in DVC's copy of {project}, which has only files that git knows: `git add` there what is new"
)


def run(stage: Callable[[], None]) -> None:
    """Runs `stage`. What the user can mend is printed without a traceback, with exit status 1.

    In a copy of the project that DVC made, the weights that git ignores are linked first.
    """
    here = Path.cwd()
    project = project_of(here)
    try:
        if project != here:
            link_outside(read_yaml(here / "params.yaml"), copy=here, root=project)
        stage()
    except InputError as error:
        name = stage.__module__ if stage.__module__ != "__main__" else sys.argv[0]
        where = "" if project == here else f"\n({_COPY.format(project=project)})"
        sys.exit(f"{name.rsplit('/', 1)[-1].removesuffix('.py')}: error: {error}{where}")
