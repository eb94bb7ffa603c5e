"""`clip-spm page`, or `python -m spm.serve_page`: a page in the browser to teach and try actions.

    clip-spm page                      with a built-in recognizer and example clips
    clip-spm page kitchen              with a recognizer that `clip-spm enroll` has made

It is served to this machine alone, and needs no network. spm.page does the work.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import new_app, run_app
from spm.page.limits import PageLimits

app = new_app()
_LIMITS = PageLimits()


@app.command()
def page(
    recognizer: Annotated[
        Path | None,
        Argument(metavar="RECOGNIZER", parser=Path, help="a folder; by default a built-in one"),
    ] = None,
    port: Annotated[
        int | None, Option(min=1, max=65535, help="by default the first free one from 7860 on")
    ] = None,
    max_mb: Annotated[
        float, Option(help="of an uploaded file, and of a loaded recognizer")
    ] = _LIMITS.max_mb,
    max_seconds: Annotated[float, Option(help="of a clip")] = _LIMITS.max_seconds,
    max_clips: Annotated[int, Option(help="examples of an action")] = _LIMITS.max_clips,
    max_classes: Annotated[int, Option(help="actions")] = _LIMITS.max_classes,
    max_minutes: Annotated[float, Option(help="of a video that is searched")] = _LIMITS.max_minutes,
    at_once: Annotated[
        int, Option(help="windows that work at the same time; the others wait")
    ] = _LIMITS.at_once,
) -> int:
    """Opens a page to teach actions, recognise and find them; for the browsers of this machine."""
    limits = PageLimits(
        max_mb=max_mb,
        max_seconds=max_seconds,
        max_clips=max_clips,
        max_classes=max_classes,
        max_minutes=max_minutes,
        at_once=at_once,
    )
    from spm.page import commands

    return commands.page(recognizer, port=port, limits=limits)


def main() -> int:
    return run_app(app, prog="python -m spm.serve_page")


if __name__ == "__main__":
    command.run(main)
