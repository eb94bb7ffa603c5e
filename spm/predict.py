"""`clip-spm predict`, or `python -m spm.predict`: classifies clips by examples of each class.

    python -m spm.predict --model data/model --support my_classes clip1.mp4 clip2.mov

    my_classes/pouring_water/a.mp4     one folder for each class, with any number of clips
    my_classes/pouring_water/b.mp4     (spm.dataset.support_folder)
    my_classes/opening_a_door/c.mov

spm.recognition.by_examples does the work.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app

app = new_app()


@app.command(cls=PathCommand)
def predict(
    clips: Annotated[list[Path], Argument(metavar="CLIP", parser=Path)],
    model: Annotated[
        Path, Option(metavar="FOLDER", parser=Path, help="as data/model, or models:/NAME@ALIAS")
    ],
    support: Annotated[
        Path, Option(metavar="FOLDER", parser=Path, help="one folder of clips for each class")
    ],
    transductive: Annotated[
        bool, Option("--transductive", help="classify all clips in one episode")
    ] = False,
) -> int:
    """Classifies clips by a few examples of each class.

    CLIP is a video file, or a folder of its frames, numbered images.
    """
    from spm.recognition.by_examples import print_predictions

    return print_predictions(clips, model=model, support=support, transductive=transductive)


def main() -> int:
    return run_app(app, prog="python -m spm.predict")


if __name__ == "__main__":
    command.run(main)
