"""Makes the weights of the small CLIP: `python -m spm.builtin_clip.make`, minutes on two cores.

The same seed gives the same weights on one machine. `--score` measures the weights of the package
on the same held-out frames, and trains nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Option

from spm.base import command
from spm.base.atomic import atomic_path
from spm.base.command_line import new_app, run_app
from spm.base.errors import ConfigError
from spm.base.safetensors_file import write_safetensors
from spm.base.unwritable import make_writable
from spm.builtin_clip.model.files import NAME, WEIGHTS, weights_file
from spm.config.seed import SEEDS

if TYPE_CHECKING:  # --help must not import torch
    from torch import nn

    from spm.base.state_dicts import State

app = new_app()

_HELD_OUT = 2000
"""Number of frames of the score."""


SCORE = "held_out_retrieval"
"""The key of the score, in percent, in the record."""


@app.command()
def make(
    out: Annotated[Path, Option(help="the file to write; its record beside it, a .yaml")] = WEIGHTS,
    seed: Annotated[
        int, Option(min=0, max=SEEDS - 1, help="of frames, captions, weights, batches")
    ] = 0,
    frames: Annotated[int, Option(min=256, help="frames to render")] = 60_000,
    steps: Annotated[int, Option(min=100, help="optimizer steps of 256 frames")] = 1200,
    workers: Annotated[int, Option(min=1, help="processes that render frames")] = 2,
    score: Annotated[bool, Option("--score", help="only score the weights of the package")] = False,
) -> None:
    """Trains the small CLIP on rendered frames with captions, and says its held-out score.

    The held-out frames are others for each seed: compare scores of weights by one seed of --score.
    """
    if not score:
        _check(out)
    from spm.builtin_clip.training import render_scenes, retrieval_score, train_clip

    held_out = render_scenes(_HELD_OUT, seed=seed, workers=workers, held_out=True)
    if score:
        print(_in_words(retrieval_score(_load(weights_file()), held_out)))
        return
    scenes = render_scenes(frames, seed=seed, workers=workers)
    model = train_clip(scenes, steps=steps, seed=seed)
    state = _halved(model)
    model.load_state_dict(state)  # scored as it is loaded later
    found = retrieval_score(model, held_out)
    how = {"seed": seed, "frames": frames, "steps": steps, SCORE: round(found, 1)}
    _write(state, how, out)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB; {_in_words(found)}")


def _check(out: Path) -> None:
    """Raises, before minutes of training, for a file that cannot be written or read."""
    if out.suffix != ".safetensors":
        raise ConfigError(f"--out {out}: open_clip reads weights from a name in .safetensors alone")
    make_writable(out.parent)


def _in_words(score: float) -> str:
    return (
        f"{score:.1f} % of {_HELD_OUT} held-out frames find their caption among 100 (chance: 1 %)"
    )


def _halved(model: "nn.Module") -> "State":
    """The state dict in half precision, the integers as they are."""
    return {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }


def _write(state: "State", how: dict[str, float], path: Path) -> None:
    """Writes the weights, and beside them the record of how they were made; both or neither."""
    with atomic_path(path.with_suffix(".yaml")) as record, atomic_path(path) as weights:
        write_safetensors(state, weights)
        lines = [f"{key}: {value}\n" for key, value in how.items()]
        record.write_text("".join(lines), encoding="utf-8")


def _load(path: Path) -> "nn.Module":
    from spm.builtin_clip.model.registered import open_clip

    model: nn.Module = open_clip.create_model(NAME, pretrained=str(path))
    return model.eval()


def main() -> int:
    return run_app(app, prog="python -m spm.builtin_clip.make")


if __name__ == "__main__":
    command.run(main)
