"""`clip-spm classify`, or `python -m spm.classify`: classifies clips by a tower as it is.

    clip-spm classify --tower builtin-clip --support my_classes clip1.mp4 clip2.mov
    clip-spm classify --tower ViT-B-16-quickgelu:openai --method zero_shot …
    clip-spm classify --tower timm/resnet50.tv_in1k:models/resnet50.safetensors …

Nothing is trained. my_classes holds one folder for each class (spm.predict).
spm.recognition.from_tower does the work.
"""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from spm.base import command
from spm.base.command_line import PathCommand, new_app, run_app

app = new_app()


@app.command(cls=PathCommand)
def classify(
    clips: Annotated[list[Path], Argument(metavar="CLIP", parser=Path)],
    tower: Annotated[
        str,
        Option(
            metavar="NAME[:WEIGHTS]",
            help="builtin-clip, a model of open_clip, or timm/MODEL; a tag or a file",
        ),
    ],
    support: Annotated[
        Path, Option(metavar="FOLDER", parser=Path, help="one folder of clips for each class")
    ],
    method: Annotated[str, Option(help="a method without parameters to train")] = "otam",
    frames: Annotated[int, Option(min=2, help="frames of each clip")] = 8,
) -> int:
    """Classifies clips by a few examples of each class and a pretrained tower, without training.

    CLIP is a video file, or a folder of its frames, numbered images.
    """
    from spm.recognition.from_tower import print_classification

    return print_classification(
        clips, tower=tower, method=method, num_frames=frames, support=support
    )


def main() -> int:
    return run_app(app, prog="python -m spm.classify")


if __name__ == "__main__":
    command.run(main)
