"""`clip-spm classes`, or `python -m spm.classes`: lists and changes the classes of a recognizer.

    clip-spm classes kitchen
    clip-spm classes kitchen --add clips/pouring_tea --text "pouring tea into a cup"
    clip-spm classes kitchen --remove pouring_tea

The other classes are not encoded again. spm.recognition.commands does the work.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import new_app, run_app
from spm.base.errors import ConfigError

app = new_app()


@app.command()
def classes(
    recognizer: Annotated[Path, Argument(metavar="RECOGNIZER", parser=Path)],
    add: Annotated[
        Path | None, Option(metavar="FOLDER", parser=Path, help="clips of a class of its name")
    ] = None,
    text: Annotated[
        str | None, Option(help="the new class's words, where its folder's name says too little")
    ] = None,
    text_vector: Annotated[
        Path | None,
        Option(metavar="FILE.npy", parser=Path, help="in place of words: its text's features"),
    ] = None,
    remove: Annotated[str | None, Option(metavar="CLASS")] = None,
) -> int:
    """Lists the classes of a recognizer; adds one, removes one."""
    if add is None and (text is not None or text_vector is not None):
        raise ConfigError("--text and --text-vector belong to a new class: give --add FOLDER")
    if text is not None and text_vector is not None:
        raise ConfigError("give either --text or --text-vector")
    from spm.recognition import commands

    return commands.change_classes(
        recognizer, add=add, text=text, vector=text_vector, remove=remove
    )


def main() -> int:
    return run_app(app, prog="python -m spm.classes")


if __name__ == "__main__":
    command.run(main)
