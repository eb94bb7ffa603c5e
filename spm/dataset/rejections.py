"""Too many clips that cannot be used: when a run stops, and what it says."""

import pyarrow as pa
import pyarrow.compute as pc

from spm.base.errors import DataError

_SHOWN = 5


def check_rejected(clips: pa.Table, *, limit: float, called: str = "id", advice: str = "") -> None:
    """Of a manifest, or of the index of the frames; `limit` is dataset.max_rejected.

    Files that no split asks for were never meant to be used, missing clips are not there, and
    duplicates are not needed: they don't count. `called`: the column to name clips by. Raises
    DataError where too large a share of the clips is unusable.
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
    """The first few with their reasons, a line each, and how many more there are."""
    shown = clips.slice(0, _SHOWN).to_pylist()
    lines = [f"  {clip[called]}: {clip['reason']}" for clip in shown]
    more = len(clips) - len(shown)
    return "\n".join([*lines, *([f"  and {more} more"] if more else [])])
