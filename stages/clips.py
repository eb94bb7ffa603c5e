"""Stage `clips`: generates a built-in data set; for another data set, makes an empty folder."""

from functools import partial
from pathlib import Path

from spm.base.atomic import atomic_folder
from spm.base.errors import InputError
from spm.base.in_processes import ProcessKilledError, map_in_processes
from spm.base.progress import progress_bar
from spm.config.dataset import GeneratorConfig, GeneratorPart
from spm.config.runtime import RuntimeConfig
from spm.motion.data_sets import DATA_SETS, DataSet
from spm.motion.look import FRAMES_PER_SECOND
from spm.motion.mp4 import write_mp4
from stages.shared import command, params, paths, preflight
from stages.shared.single_instance import single_instance
from stages.tracking import runs as tracking


def main() -> None:
    preflight.check()
    dataset, runtime = params.load(dataset=GeneratorPart, runtime=RuntimeConfig)
    sections = {"dataset": dataset}
    with (
        tracking.stage_run("clips", params=sections, outs=[paths.BUILT_IN_CLIPS]) as run,
        atomic_folder(paths.BUILT_IN_CLIPS) as folder,
    ):
        if data_set := DATA_SETS.get(dataset.name):
            how = dataset.generator
            run.log_metrics(generate(data_set, folder, how=how, workers=runtime.workers))
        else:
            print(f"data set {dataset.name}: the built-in clips are not generated")


def generate(
    data_set: DataSet, folder: Path, *, how: GeneratorConfig, workers: int
) -> dict[str, float]:
    """Writes <class>/<nnn>.mp4 below `folder` for all classes, one task for each class."""
    total = len(data_set.classes) * how.clips_per_class
    write = partial(write_class, folder=folder.absolute(), data_set=data_set, how=how)
    with progress_bar(total=total, unit="clip", desc="clips") as bar:
        try:
            for _ in map_in_processes(write, data_set.classes, processes=workers):
                bar.update(how.clips_per_class)
        except ProcessKilledError:
            raise InputError(
                "a process that renders clips was killed, perhaps because this machine has no more "
                "memory: run dvc repro again, if need be with less than "
                f"runtime.workers: {workers}"
            ) from None
    return {"classes": len(data_set.classes), "clips": total}


def write_class(name: str, *, folder: Path, data_set: DataSet, how: GeneratorConfig) -> None:
    for number in range(how.clips_per_class):
        frames = data_set.render_clip(name, seed=how.seed, number=number)
        path = folder / name / f"{number:03}.mp4"
        write_mp4(frames, path, frames_per_second=FRAMES_PER_SECOND)


if __name__ == "__main__":
    command.run(single_instance(main))
