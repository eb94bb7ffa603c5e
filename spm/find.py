"""`clip-spm find`, or `python -m spm.find`: finds a recognizer's classes in a long video.

    clip-spm find kitchen evening.mp4 --out evening
    clip-spm find kitchen evening.mp4 --out evening --annotate     and a copy with the words in it

`clip-spm enroll` makes the recognizer. spm.finding does the work; a search that was killed goes on
when the same command is given again.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app
from spm.base.errors import ConfigError, DataError
from spm.base.printable import printable

app = new_app()


@app.command(cls=PathCommand)
def find(
    recognizer: Annotated[Path, Argument(metavar="RECOGNIZER", parser=Path)],
    video: Annotated[Path, Argument(metavar="VIDEO", parser=Path)],
    out: Annotated[Path, Option(metavar="FOLDER", parser=Path, help="for what is found")],
    lengths: Annotated[
        str | None,
        Option(metavar="S,S,…", help="of the windows; by default about those of the examples"),
    ] = None,
    rate: Annotated[
        float | None, Option(help="pictures a second; by default T in the shortest window")
    ] = None,
    false_alarms: Annotated[
        float | None, Option(metavar="SHARE", help="in place of what the recognizer promises")
    ] = None,
    annotate: Annotated[
        bool, Option("--annotate", help="also write annotated.mp4, with what was found, no sound")
    ] = False,
) -> int:
    """Finds where a long video shows the classes that the recognizer was shown.

    Writes segments.csv, find.json and timeline.png.
    """
    from spm.finding import commands

    if not video.is_file():
        raise DataError(f"{printable(video)} is no video file")
    return commands.find(
        recognizer,
        video,
        out=out,
        lengths=None if lengths is None else _numbers(lengths),
        rate=rate,
        false_alarms=false_alarms,
        annotated=annotate,
    )


def _numbers(text: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise ConfigError(f"--lengths {text}: give seconds, as 1,2,4") from None


def main() -> int:
    return run_app(app, prog="python -m spm.find")


if __name__ == "__main__":
    command.run(main)
