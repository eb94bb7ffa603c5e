"""`clip-spm preset`, or `python -m pipeline.preset`: sets params.yaml to a preset of values.

python -m pipeline.preset release
python -m pipeline.preset ssv2_small --shot 5 --backbone RN50
python -m pipeline.preset motion
python -m pipeline.preset otam
python -m pipeline.preset hmdb51 --method otam --frozen
python -m pipeline.preset trx ssv2_small --shot 5 --as-released
"""

from typing import Annotated

from typer import Argument, Option

from pipeline.presets.benchmark_preset import BACKBONE, SHOT, BackboneName
from spm.base import command
from spm.base.command_line import new_app, run_app
from spm.base.errors import ConfigError

app = new_app()


@app.command()
def preset(
    name: Annotated[
        str, Argument(metavar="NAME", help="a method, a benchmark, or a file of pipeline/presets")
    ],
    benchmark: Annotated[
        str | None, Argument(metavar="BENCHMARK", help="where NAME is a method: a benchmark too")
    ] = None,
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
    as_released: Annotated[
        bool, Option("--as-released", help="train with what the method's release trained with")
    ] = False,
) -> None:
    """Sets params.yaml to a preset of values, and prints what changed."""
    from pipeline.presets.set_preset import set_preset

    if benchmark is not None:
        if method is not None:
            raise ConfigError(f"{name} {benchmark} names a method: leave out --method {method}")
        name, method = benchmark, name
    difference = set_preset(
        name,
        shot=shot,
        backbone=backbone,
        method=method,
        frozen=frozen,
        as_released=as_released,
    )
    print(difference or f"params.yaml: is {name} already")


def main() -> int:
    return run_app(app, prog="python -m pipeline.preset")


if __name__ == "__main__":
    command.run(main)
