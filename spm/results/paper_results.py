"""The paper's own numbers for CLIP-SPM: Tables 1 and 2, 5-way, top-1 accuracy in percent."""

from spm.dataset.benchmarks import load_benchmark

_WAY = 5


def paper_accuracy(benchmark: str | None, *, backbone: str, way: int, shot: int) -> float | None:
    """What the paper reports for this backbone and K; None where it reports nothing.

    >>> paper_accuracy("ssv2_small", backbone="ViT-B-16-quickgelu", way=5, shot=1)
    57.8
    """
    if benchmark is None or way != _WAY:
        return None
    by_backbone = load_benchmark(benchmark).paper
    return by_backbone.get(backbone.removesuffix("-quickgelu"), {}).get(shot)
