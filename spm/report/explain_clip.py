"""What `clip-spm explain` does and prints."""

from pathlib import Path

from spm.base.atomic import check_file
from spm.base.errors import DataError
from spm.base.printable import printable
from spm.base.unwritable import make_writable
from spm.episodes.device import pick_device
from spm.recognition.commands import summary
from spm.recognition.recognizer_folder import load_recognizer
from spm.recognition.words import ranking
from spm.report.figures import save
from spm.report.heat_figure import heat_figure


def explain_clip(folder: Path, clip: Path, *, out: Path, name: str | None) -> int:
    """Draws where the recognizer in `folder` looked, and prints its answer. name: a class other
    than the most probable one."""
    if out.suffix.lower() != ".png" or out.is_dir():
        raise DataError(f"--out {printable(out)}: give the name of a PNG file to write")
    check_file(out)
    make_writable(out.absolute().parent)
    recognizer = load_recognizer(folder)
    recognizer.model.to(pick_device("auto"))
    print(summary(recognizer), flush=True)
    found = recognizer.explain(clip, name=name)
    none = "" if found.answer.is_known else ": none of these"
    print(f"\n{printable(clip)}{none}\n{ranking(found.answer.probabilities)}")
    share = 100 * found.answer.probabilities[found.name]
    title = f"{printable(clip.name)}{none}\nwhat speaks for {printable(found.name)} ({share:.0f} %)"
    save(heat_figure(found.frames, found.heat, title=title), out)
    where = "where they speak" if found.heat.any() else "that no place of them speaks"
    print(f"written to {printable(out)}: the frames, and {where} for {printable(found.name)}")
    return 0
