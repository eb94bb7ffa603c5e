"""The limit on unusable clips, and the error when it is exceeded."""

import pyarrow as pa
import pyarrow.compute as pc

from spm.base.errors import DataError

_SHOWN = 5


def check_rejected(clips: pa.Table, *, limit: float, called: str = "id", advice: str = "") -> None:
    """Checks the unusable clips of a manifest or of the index of data/frames.

    `limit` is dataset.max_rejected; `called`: the column to name clips by. Clips of no split,
    missing clips and duplicates do not count. Raises DataError if the unusable share of the clips
    exceeds `limit`.
    """
    there = pc.is_in(clips["status"], pa.array(["ok", "rejected"]))
    counted = clips.filter(pc.and_(there, pc.not_equal(clips["split"], "")))
    rejected = counted.filter(pc.equal(counted["status"], "rejected"))
    if len(rejected) > limit * len(counted):
        raise DataError(
            f"{len(rejected)} of {len(counted)} clips are unusable, more than "
            f"dataset.max_rejected = {limit:g} allows. Mend or remove the files, or raise the "
            f"limit.{advice} The first:\n{first_of(rejected, called=called)}"
        )


def first_of(clips: pa.Table, *, called: str = "id") -> str:
    """The first few clips with their reasons, one per line, and the number of further clips."""
    shown = clips.slice(0, _SHOWN).to_pylist()
    lines = [f"  {clip[called]}: {clip['reason']}" for clip in shown]
    more = len(clips) - len(shown)
    return "\n".join([*lines, *([f"  and {more} more"] if more else [])])
