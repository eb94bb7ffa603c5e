"""Sets params.yaml to a preset of values, and prints what changed.

python -m pipeline.preset release
python -m pipeline.preset ssv2_small --shot 5 --backbone RN50
python -m pipeline.preset motion
"""

import argparse

from pipeline.presets.benchmark_preset import BACKBONE, BACKBONES, SHOT
from pipeline.presets.set_preset import set_preset
from spm.base import command


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.preset", description="Sets params.yaml to a preset of values."
    )
    parser.add_argument("name", help="a file of pipeline/presets, or a benchmark")
    parser.add_argument("--shot", type=int, help=f"K, of a benchmark (default: {SHOT})")
    parser.add_argument(
        "--backbone", choices=BACKBONES, help=f"of a benchmark (default: {BACKBONE})"
    )
    given = parser.parse_args()
    difference = set_preset(given.name, shot=given.shot, backbone=given.backbone)
    print(difference or f"params.yaml: is {given.name} already")


if __name__ == "__main__":
    command.run(main)
