"""Stage `clips`: generates the built-in data set; an empty folder where another one is chosen."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tqdm import tqdm

from spm.config.dataset import BUILT_IN, GeneratorPart, MotionConfig
from spm.config.runtime import RuntimeConfig
from spm.motion import CLASSES
from spm.motion_look import FRAMES_PER_SECOND
from spm.motion_render import render_clip
from spm.motion_video import write_mp4
from stages import command, params, paths, tracking


def main() -> None:
    dataset, runtime = params.load(dataset=GeneratorPart, runtime=RuntimeConfig)
    with tracking.stage_run("clips", params={"dataset": dataset}, outs=[paths.RAW_BUILT_IN]) as run:
        shutil.rmtree(paths.RAW_BUILT_IN, ignore_errors=True)
        paths.RAW_BUILT_IN.mkdir(parents=True)
        if dataset.name == BUILT_IN:
            run.log_metrics(generate(dataset.motion, workers=runtime.workers))
        else:
            print(f"data set {dataset.name}: the built-in clips are not generated")


def generate(motion: MotionConfig, *, workers: int) -> dict[str, float]:
    """Writes <class>/<nnn>.mp4 for all classes. One task is one class."""
    context = get_context("forkserver")
    bar = tqdm(total=len(CLASSES) * motion.clips_per_class, unit="clip", desc="clips")
    with bar, ProcessPoolExecutor(workers, mp_context=context) as pool:
        pending = [pool.submit(write_class, name, motion) for name in CLASSES]
        for task in pending:
            bar.update(task.result())
    return {"classes": len(CLASSES), "clips": len(CLASSES) * motion.clips_per_class}


def write_class(name: str, motion: MotionConfig) -> int:
    """Writes one class and returns its number of clips."""
    for number in range(motion.clips_per_class):
        frames = render_clip(name, seed=motion.seed, number=number)
        path = paths.RAW_BUILT_IN / name / f"{number:03}.mp4"
        write_mp4(frames, path, frames_per_second=FRAMES_PER_SECOND)
    return motion.clips_per_class


if __name__ == "__main__":
    command.run(main)
