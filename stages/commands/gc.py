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
    """Frees what the state folder keeps for nobody.

    What goes: shards that neither data/frames names, nor data/manifest.parquet with the parameters
    of now asks for, nor a decoding that has not ended, nor anybody links (DVC's cache, another
    clone: removing them would free nothing); checkpoints of trainings whose model is in DVC's
    cache; what killed processes left behind, the copies of a grid among it; what the inventory
    remembers of a data set that has not changed for a month: its next scan reads it again. What was
    written within the last hour stays, and so does what is running.

    --abandoned removes decodings that have not ended, except that of the clips and parameters of
    now, which `dvc repro` goes on with; and trainings of other parameters than in params.yaml now.

    A state folder that several clones share (CLIP_SPM_STATE) keeps what has not ended of all of
    them; --abandoned asks this clone alone. MLflow's runs, the records of grids and DVC's cache
    have commands of their own.
    """
    from stages.commands.garbage import collect

    collect(dry_run=dry_run, abandoned=abandoned)


def main() -> int:
    return run_app(app, prog="python -m stages.commands.gc")


if __name__ == "__main__":
    command.run(main)
