"""The paper's own numbers for CLIP-SPM: Tables 1 and 2, 5-way, top-1 accuracy in percent."""

_WAY = 5
_SHOTS = (1, 3, 5)
_ACCURACY = {
    ("hmdb51", "RN50"): (77.4, 82.6, 84.5),
    ("hmdb51", "ViT-B"): (78.2, 86.3, 88.6),
    ("ucf101", "RN50"): (93.8, 97.2, 97.7),
    ("ucf101", "ViT-B"): (96.2, 98.2, 98.7),
    ("kinetics100", "RN50"): (90.9, 92.9, 93.5),
    ("kinetics100", "ViT-B"): (92.8, 94.1, 94.3),
    ("ssv2_full", "RN50"): (62.3, 67.0, 69.4),
    ("ssv2_full", "ViT-B"): (66.7, 74.8, 77.3),
    ("ssv2_small", "RN50"): (50.8, 54.9, 58.5),
    ("ssv2_small", "ViT-B"): (57.8, 62.4, 66.2),
}
_BACKBONES = {
    "RN50": "RN50",
    "RN50-quickgelu": "RN50",
    "ViT-B-16": "ViT-B",
    "ViT-B-16-quickgelu": "ViT-B",
}


def paper_accuracy(dataset: str, *, backbone: str, way: int, shot: int) -> float | None:
    """What the paper reports for this data set, backbone and K; None where it reports nothing.

    >>> paper_accuracy("ssv2_small", backbone="ViT-B-16-quickgelu", way=5, shot=1)
    57.8
    """
    row = _ACCURACY.get((dataset, _BACKBONES.get(backbone, "")))
    if row is None or way != _WAY or shot not in _SHOTS:
        return None
    return row[_SHOTS.index(shot)]
