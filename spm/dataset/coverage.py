"""Coverage: how many of a data set's published clips could be used.

>>> describe("test", {"published": 2400, "usable": 2310, "share": 0.9625})
'test clips: 2,310 of the published 2,400 (96.2 %)'
"""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from spm.dataset.splits import SPLITS

_COLUMNS = ["split", "class", "status"]
"""The columns of a table that are read."""
_ABOUT = ("benchmark", "variant", "says")

Coverage = dict[str, dict[str, Any]]
"""Split -> numbers of published, usable, missing and rejected clips and of duplicates, and `share`.

`classes`: class -> the same numbers; `line`: the split's numbers in words. `published` is None if
no numbers were published. `share` is the usable clips' share of the published ones; without
published numbers, their share of the usable and rejected ones.
"""


def coverage(clips: pa.Table) -> Coverage:
    """The coverage by the rows and the metadata of a manifest, or of the index of data/frames."""
    published = json.loads((clips.schema.metadata or {}).get(b"published", b"{}"))
    found = _statuses(clips)
    splits = {split: _of_split(found[split], published.get(split, {})) for split in SPLITS}
    return {split: counts | {"line": describe(split, counts)} for split, counts in splits.items()}


def about(clips: pa.Table) -> dict[str, str | None]:
    """`benchmark`, `variant` and `says` from the metadata, None for data sets that are no
    benchmark; and `line`, the three in words."""
    metadata = clips.schema.metadata or {}
    said = {name: metadata.get(name.encode(), b"").decode() or None for name in _ABOUT}
    return said | {"line": name_data(said)}


def name_data(said: Mapping[str, Any]) -> str:
    """`kinetics100, cmn: as CMN published it`; "" for a data set that is no benchmark."""
    if not said.get("benchmark"):
        return ""
    return f"{said['benchmark']}, {said['variant']}: {said['says']}"


def describe(split: str, counts: Mapping[str, Any]) -> str:
    """The numbers of a split in one line, as in the module's example."""
    usable, share = counts["usable"], f"({100 * counts['share']:.1f} %)"
    if counts["published"] is not None:
        return f"{split} clips: {usable:,} of the published {counts['published']:,} {share}"
    return f"{split} clips: {usable:,} of the {usable + counts['rejected']:,} found {share}"


def metrics(found: Coverage) -> dict[str, float]:
    """The coverage as metrics: test_share (percent), test_usable, test_missing, …"""
    values: dict[str, float] = {}
    for split, counts in found.items():
        values[f"{split}_share"] = 100 * counts["share"]
        for name in ("usable", "missing", "rejected", "duplicates"):
            values[f"{split}_{name}"] = counts[name]
    return values


def _statuses(clips: pa.Table) -> Mapping[str, Mapping[str, Counter[str]]]:
    """Split -> class -> status -> number of rows."""
    groups = clips.group_by(_COLUMNS).aggregate([([], "count_all")])
    found: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for row in groups.to_pylist():
        found[row["split"]][row["class"]][row["status"]] = row["count_all"]
    return found


def _of_split(found: Mapping[str, Counter[str]], published: Mapping[str, int]) -> dict[str, Any]:
    classes = {
        name: _counts(found.get(name, Counter()), published=published.get(name))
        for name in sorted({*found, *published})
    }
    totals = _counts(
        sum(found.values(), Counter()), published=sum(published.values()) if published else None
    )
    return totals | {"classes": classes}


def _counts(found: Counter[str], *, published: int | None) -> dict[str, Any]:
    """The numbers of a split or class. Published clips that are neither usable nor rejected are
    missing."""
    usable, rejected = found["ok"], found["rejected"]
    of = usable + rejected if published is None else published
    return {
        "published": published,
        "usable": usable,
        "missing": max(0, of - usable - rejected),
        "rejected": rejected,
        "duplicates": found["duplicate"],
        "share": round(usable / of, 4) if of else 0.0,
    }
