"""`clip-spm recognize`, or `python -m spm.recognize`: answers clips by a recognizer.

    clip-spm recognize kitchen clip1.mp4 clip2.mov
    clip-spm recognize kitchen --json *.mp4            a line of JSON for each clip

`clip-spm enroll` makes the recognizer. spm.recognition.commands does the work.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app

app = new_app()


@app.command(cls=PathCommand)
def recognize(
    recognizer: Annotated[Path, Argument(metavar="RECOGNIZER", parser=Path)],
    clips: Annotated[list[Path], Argument(metavar="CLIP", parser=Path)],
    as_json: Annotated[bool, Option("--json", help="a line of JSON for each clip")] = False,
) -> int:
    """Answers each clip on its own, by the classes that the recognizer was shown.

    CLIP is a video file, or a folder of its frames, numbered images.
    """
    from spm.recognition import commands

    return commands.recognize(recognizer, clips, as_json=as_json)


def main() -> int:
    return run_app(app, prog="python -m spm.recognize")


if __name__ == "__main__":
    command.run(main)
