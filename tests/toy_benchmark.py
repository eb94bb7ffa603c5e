"""A benchmark of six classes, and files that a test can lay out for it."""

from pathlib import Path

from spm.dataset.benchmarks import Benchmark

CLASSES = {
    "train": ["run", "throw_ball"],
    "val": ["HandStand"],
    "test": ["hop (on one leg)", "sit"],
}


def toy(*, clip_names: str = "file", lists: str = "optional", **changes: object) -> Benchmark:
    facts = {
        "title": "Toy",
        "clip_names": clip_names,
        "lists": lists,
        "flip": True,
        "train": {"episodes": 10, "lr": 0.001, "weight_decay": 0.0},
        "variants": [{"name": "toy", "digest": "0" * 16, "says": "the toy"}],
        "classes": {
            split: [{"name": name, "clips": 2} for name in names]
            for split, names in CLASSES.items()
        },
    }
    return Benchmark.model_validate(facts | changes)


def files(
    *paths: str, sizes: dict[str, int] | None = None, kind: str = "file"
) -> list[dict[str, object]]:
    """Rows of an inventory."""
    return [
        {"path": path, "size": (sizes or {}).get(path, 7), "key": f"key of {path}", "kind": kind}
        for path in paths
    ]


def write(folder: Path, **lists: str) -> Path:
    """Files of a folder: name (with __ for the dot) -> content."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in lists.items():
        (folder / name.replace("__", ".")).write_text(content)
    return folder
