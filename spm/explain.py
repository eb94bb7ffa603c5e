"""`clip-spm explain`, or `python -m spm.explain`: draws where a recognizer looked in a clip.

    clip-spm explain kitchen clip.mp4 --out why.png
    clip-spm explain kitchen clip.mp4 --out why_not.png --class pouring_tea

`clip-spm enroll` makes the recognizer. spm.report.explain_clip does the work.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app

app = new_app()


@app.command(cls=PathCommand)
def explain(
    recognizer: Annotated[Path, Argument(metavar="RECOGNIZER", parser=Path)],
    clip: Annotated[Path, Argument(metavar="CLIP", parser=Path)],
    out: Annotated[Path, Option(metavar="PICTURE", parser=Path, help="a PNG file to write")],
    name: Annotated[
        str | None, Option("--class", metavar="NAME", help="by default the most probable class")
    ] = None,
) -> int:
    """Draws the frames of a clip, and which places of them speak for a class (Grad-CAM).

    CLIP is a video file, or a folder of its frames, numbered images.
    """
    from spm.report.explain_clip import explain_clip

    return explain_clip(recognizer, clip, out=out, name=name)


def main() -> int:
    return run_app(app, prog="python -m spm.explain")


if __name__ == "__main__":
    command.run(main)
