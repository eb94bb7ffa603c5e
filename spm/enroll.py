"""`clip-spm enroll`, or `python -m spm.enroll`: makes a recognizer of a model and examples.

    clip-spm enroll my_classes --model data/model --out kitchen
    clip-spm enroll my_classes --model models:/clip-spm-motion@best --out kitchen
    clip-spm enroll my_classes --tower ViT-B-16-quickgelu:openai --method otam --out kitchen

my_classes holds one folder of clips for each class (spm.predict). spm.recognition.commands does
the work.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import new_app, run_app
from spm.base.errors import ConfigError

app = new_app()


@app.command()
def enroll(
    support: Annotated[
        Path, Argument(metavar="FOLDER", parser=Path, help="one folder of clips for each class")
    ],
    out: Annotated[Path, Option(metavar="FOLDER", parser=Path, help="the new recognizer")],
    model: Annotated[
        Path | None,
        Option(metavar="FOLDER", parser=Path, help="as data/model, or models:/NAME@ALIAS"),
    ] = None,
    tower: Annotated[
        str | None,
        Option(metavar="NAME[:WEIGHTS]", help="in place of a model, as clip-spm classify has it"),
    ] = None,
    method: Annotated[
        str | None, Option(help="of a tower: one without parameters to train; otam by default")
    ] = None,
    frames: Annotated[
        int | None, Option(min=2, help="of a tower: frames of each clip; 8 by default")
    ] = None,
    false_alarms: Annotated[
        float,
        Option(metavar="SHARE", help="of other clips: how many may pass for one of the classes"),
    ] = 0.1,
) -> int:
    """Shows a model a few clips of each class, and saves what it has learned as a recognizer."""
    if (model is None) == (tower is None):
        raise ConfigError("give either --model, a model folder, or --tower, a pretrained tower")
    if tower is None and (method is not None or frames is not None):
        raise ConfigError("--method and --frames are of a tower: a model has its own")
    from spm.recognition import commands

    return commands.enroll(
        support,
        out=out,
        model=model,
        tower=tower,
        method=method or "otam",
        num_frames=frames or 8,
        false_alarms=false_alarms,
    )


def main() -> int:
    return run_app(app, prog="python -m spm.enroll")


if __name__ == "__main__":
    command.run(main)
