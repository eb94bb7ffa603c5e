"""The preset of a benchmark: the parameters that depend on the data set, on K and on the backbone.

Episodes, learning rate and protocol are the paper's (Section 4; spm/dataset/benchmarks.yaml). The
values of `model` that depend on the data set come from the method's folder. Parameters in which
paper and release differ (sums or means, say) belong to other presets: this one leaves them as they
are.
"""

from typing import Any, Literal, get_args

from spm.base.errors import ConfigError
from spm.dataset.benchmarks import Benchmark, load_benchmark

BackboneName = Literal["RN50", "ViT-B-16"]
SHOT, BACKBONE = 1, "ViT-B-16"
BACKBONES = get_args(BackboneName)

_CLIPS_IN_A_SHARD = 200
_MOST_SHARDS = 256
"""A process keeps every shard open that it has read from."""
VALIDATIONS = 40


def benchmark_preset(name: str, *, shot: int = SHOT, backbone: str = BACKBONE) -> dict[str, Any]:
    """Dotted name -> value. Raises ConfigError for a backbone other than the paper's two."""
    if backbone not in BACKBONES:
        raise ConfigError(f"backbone = {backbone!r}: the paper has {' and '.join(BACKBONES)}")
    benchmark = load_benchmark(name)
    return {
        **_dataset(name, benchmark),
        **_frames(benchmark),
        **_backbone(backbone),
        **_train(benchmark),
        "episode.way": 5,
        "episode.shot": shot,
        "episode.query": 4,
        "evaluate.episodes": 10000,
        "evaluate.shots": [shot],
    }


def _dataset(name: str, benchmark: Benchmark) -> dict[str, Any]:
    return {
        "dataset.name": name,
        "dataset.benchmark": name,
        "dataset.split": "published",
        "dataset.lists": None if benchmark.lists == "optional" else f"data/splits/{name}",
        "dataset.names": "cleaned",
        "dataset.class_texts": {},
    }


def _frames(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "frames.num_segments": 8,
        "frames.short_side": 256,
        "frames.storage": "jpeg",
        "frames.num_shards": _num_shards(benchmark),
    }


def _num_shards(benchmark: Benchmark) -> int:
    """A power of two: a shard has at most 200 clips, unless that takes more than 256 shards."""
    counts = benchmark.counts(benchmark.variants[0])
    clips = sum(sum(classes.values()) for classes in counts.values())
    shards = 1
    while shards * _CLIPS_IN_A_SHARD < clips and shards < _MOST_SHARDS:
        shards *= 2
    return shards


def _backbone(name: str) -> dict[str, Any]:
    """OpenAI's weights were trained with QuickGELU."""
    return {
        "backbone.name": f"{name}-quickgelu",
        "backbone.weights": "openai",
        "backbone.image_size": None,
        "backbone.batch_norm": "running",
        "backbone.frozen": False,
        "backbone.train_last": None,
    }


def _train(benchmark: Benchmark) -> dict[str, Any]:
    """There are 40 validations only: each encodes every clip of the split.

    Warm-up and milestones count episodes, so they belong to the number of episodes.
    """
    train = benchmark.train
    return {
        "train.episodes": train.episodes,
        "train.accumulate": 16,
        "train.optimizer": "adam",
        "train.momentum": 0.0,
        "train.nesterov": False,
        "train.weight_decay": train.weight_decay,
        "train.decay_norms": True,
        "train.decay_biases": True,
        "train.lr": train.lr,
        "train.warmup": 0,
        "train.schedule": "constant",
        "train.milestones": [],
        "train.factors": [],
        "train.flip": benchmark.flip,
        "train.validate_every": train.episodes // VALIDATIONS,
        "train.validate_episodes": 1000,
    }
