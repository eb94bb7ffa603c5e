"""`clip-spm preset`, or `python -m pipeline.preset`: sets params.yaml to a preset of values.

python -m pipeline.preset release
python -m pipeline.preset ssv2_small --shot 5 --backbone RN50
python -m pipeline.preset motion
python -m pipeline.preset otam
python -m pipeline.preset hmdb51 --method otam --frozen
"""

from typing import Annotated

from typer import Argument, Option

from pipeline.presets.benchmark_preset import BACKBONE, SHOT, BackboneName
from spm.base import command
from spm.base.command_line import new_app, run_app

app = new_app()


@app.command()
def preset(
    name: Annotated[
        str, Argument(metavar="NAME", help="a method, a benchmark, or a file of pipeline/presets")
    ],
    shot: Annotated[int | None, Option(help=f"K, of a benchmark (default: {SHOT})")] = None,
    backbone: Annotated[
        BackboneName | None, Option(help=f"of a benchmark (default: {BACKBONE})")
    ] = None,
    method: Annotated[
        str | None, Option(help="the method, where NAME is none (default: that of params.yaml)")
    ] = None,
    frozen: Annotated[
        bool, Option("--frozen", help="freeze the tower; train a method that has parameters")
    ] = False,
) -> None:
    """Sets params.yaml to a preset of values, and prints what changed."""
    from pipeline.presets.set_preset import set_preset

    difference = set_preset(name, shot=shot, backbone=backbone, method=method, frozen=frozen)
    print(difference or f"params.yaml: is {name} already")


def main() -> int:
    return run_app(app, prog="python -m pipeline.preset")


if __name__ == "__main__":
    command.run(main)
