"""`make gc`, `clip-spm gc`, or `python -m stages.commands.gc` (stages.commands.garbage)."""

from typing import Annotated

from typer import Option

from spm.base.command_line import new_app, run_app
from stages.shared import command

app = new_app()


@app.command()
def gc(
    dry_run: Annotated[bool, Option("--dry-run", help="remove nothing, say what would go")] = False,
    abandoned: Annotated[
        bool, Option("--abandoned", help="also what has not ended, of other clips or parameters")
    ] = False,
) -> None:
    """Removes files that nothing needs from the state folder.

    Removed: shards of frames and of features, unless data/frames or data/features names them, the
    current clips and parameters need them, unfinished work needs them, or they have another hard
    link (in DVC's cache or another clone: removing them would free nothing); checkpoints of
    trainings whose model is in DVC's cache; files of killed processes, and copies of ended grids;
    the inventory's cache of a data set that has not changed for a month (its next scan reads all
    files again). Files younger than an hour stay, and so does all that a running process uses.

    --abandoned also removes unfinished decodings and encodings, except of the current clips and
    parameters, which `dvc repro` resumes; and trainings with parameters other than in the current
    params.yaml.

    If several clones share a state folder (CLIP_SPM_STATE), unfinished work of all clones stays;
    --abandoned considers this clone only. MLflow's runs and registered models, the records of grids
    and DVC's cache have other commands.
    """
    from stages.commands.garbage import collect

    collect(dry_run=dry_run, abandoned=abandoned)


def main() -> int:
    return run_app(app, prog="python -m stages.commands.gc")


if __name__ == "__main__":
    command.run(main)
