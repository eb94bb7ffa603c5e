"""Stage `clips`: generates the built-in data set; an empty folder where another one is chosen."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from spm.config.dataset import BUILT_IN, GeneratorPart, MotionConfig
from spm.config.runtime import RuntimeConfig
from spm.motion import CLASSES
from spm.motion_look import FRAMES_PER_SECOND
from spm.motion_render import render_clip
from spm.motion_video import write_mp4
from spm.progress import progress_bar
from stages import command, params, paths, preflight, tracking


def main() -> None:
    preflight.check()
    dataset, runtime = params.load(dataset=GeneratorPart, runtime=RuntimeConfig)
    with tracking.stage_run("clips", params={"dataset": dataset}, outs=[paths.RAW_BUILT_IN]) as run:
        _empty(paths.RAW_BUILT_IN)
        if dataset.name == BUILT_IN:
            clips = generate(paths.RAW_BUILT_IN, motion=dataset.motion, workers=runtime.workers)
            run.log_metrics(clips)
        else:
            print(f"data set {dataset.name}: the built-in clips are not generated")


def generate(folder: Path, *, motion: MotionConfig, workers: int) -> dict[str, float]:
    """Writes <class>/<nnn>.mp4 below `folder` for all classes. One task is one class."""
    total = len(CLASSES) * motion.clips_per_class
    write = partial(write_class, folder=folder.absolute(), motion=motion)
    with (
        progress_bar(total=total, unit="clip", desc="clips") as bar,
        ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool,
    ):
        for _ in pool.map(write, CLASSES):
            bar.update(motion.clips_per_class)
    return {"classes": len(CLASSES), "clips": total}


def write_class(name: str, *, folder: Path, motion: MotionConfig) -> None:
    for number in range(motion.clips_per_class):
        frames = render_clip(name, seed=motion.seed, number=number)
        path = folder / name / f"{number:03}.mp4"
        write_mp4(frames, path, frames_per_second=FRAMES_PER_SECOND)


def _empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


if __name__ == "__main__":
    command.run(main)
