"""Saved model folders: those of earlier versions load from now on and give the same logits."""

from pathlib import Path

import numpy as np
import torch

import spm
from spm.text_tower import encode_classes

FOLDER_0 = Path(__file__).parent / "fixtures" / "model_folder_0"
"""Written by `spm.save_model` when config.json had no format number: conv, all components, random
weights rounded to 1/64 in half precision. episode.npz holds clips of 3 classes and the logits that
the code of the time gave for them."""

CLASS_TEXTS = {"fading": "fading", "turning": "turning up", "zoom": "zooming in slowly"}


def test_a_folder_without_a_format_number_gives_the_same_logits() -> None:
    model, saved = spm.load_model(FOLDER_0), np.load(FOLDER_0 / "episode.npz")
    pixels, labels, texts = (
        torch.from_numpy(saved[name]) for name in ("pixels", "support_labels", "class_text")
    )
    with torch.no_grad():
        features = model.encode_video(pixels)
        support, query = features[: len(labels)], features[len(labels) :]
        logits = model.classify(support, labels, query, texts)
        each = model.classify_each(support, labels, query, texts)
    np.testing.assert_allclose(logits, saved["logits"], rtol=1e-4)
    np.testing.assert_allclose(each, saved["logits_of_each"], rtol=1e-4)


def test_its_class_texts_are_encoded_as_they_were() -> None:
    config = spm.load_model(FOLDER_0).config
    features = encode_classes(CLASS_TEXTS, prompts=config.prompts, backbone=config.backbone)
    made = features.of(sorted(CLASS_TEXTS), how=config.model.text_ensemble)
    saved = np.load(FOLDER_0 / "episode.npz")["class_text"]
    np.testing.assert_allclose(made, saved, rtol=1e-4, atol=1e-5)
