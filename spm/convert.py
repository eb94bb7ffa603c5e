"""`clip-spm convert`, or `python -m spm.convert`: converts from and to released checkpoints.

    python -m spm.convert checkpoint_best.pt models/hmdb51_rn50
    python -m spm.convert --back models/hmdb51_rn50 checkpoint.pt

spm.released.convert describes both formats.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app

app = new_app()


@app.command(cls=PathCommand)
def convert(
    source: Annotated[Path, Argument(metavar="SOURCE", parser=Path)],
    target: Annotated[Path, Argument(metavar="TARGET", parser=Path)],
    back: Annotated[bool, Option("--back", help="SOURCE is a model folder")] = False,
    backbone: Annotated[
        str | None, Option(help="default: RN50 or ViT-B/16 of OpenAI, by its tensors")
    ] = None,
    heads: Annotated[int, Option()] = 8,
    alpha: Annotated[float, Option(help="the release: ucf101 .228, kinetics100 .86, …")] = 0.2,
    gate_slope: Annotated[float, Option()] = 0.0025,
    num_frames: Annotated[int, Option(help="T")] = 8,
) -> None:
    """Makes a model folder from a released checkpoint; with --back, the reverse."""
    from spm.released.convert import from_released, summary, to_released

    if back:
        to_released(source, target)
        print(f"{target}: {source} as a released checkpoint")
        return
    spec = from_released(
        source,
        target,
        backbone=backbone,
        heads=heads,
        alpha=alpha,
        gate_slope=gate_slope,
        num_frames=num_frames,
    )
    print(f"{target}: {summary(spec)}")


def main() -> int:
    return run_app(app, prog="python -m spm.convert")


if __name__ == "__main__":
    command.run(main)
