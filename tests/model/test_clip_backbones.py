"""The paper's backbones at their real size, with random weights: one episode each way."""

import pytest
import torch

import spm
from spm.episodes.training_data import EpisodeClips
from spm.model.model import build_model
from spm.training.losses import episode_losses
from tests.models import spec

CLIP = {"weights": None, "image_size": None, "batch_norm": "running"}
HEAD = {"heads": 8, "head_dim": 256, "hidden_dim": 2048}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "channels"), [("RN50-quickgelu", 1024), ("ViT-B-16-quickgelu", 512)]
)
def test_one_training_and_one_evaluation_episode(name, channels, tmp_path):
    model = build_model(spec(backbone={"name": name, **CLIP}, **HEAD)).train()
    assert (model.channels, model.image_size) == (channels, 224)
    assert not any("text" in key or "token" in key for key in model.backbone.state_dict())
    pixels = torch.randint(0, 256, (4, 8, 224, 224, 3), dtype=torch.uint8)
    labels = torch.arange(2)
    episode = EpisodeClips(pixels, labels, labels, labels)
    text = torch.randn(2, channels)
    losses = episode_losses(model, episode, text)
    losses.total.backward()
    assert torch.isfinite(losses.total)
    without = [key for key, value in model.named_parameters() if value.grad is None]
    assert without == []

    spm.save_model(model, tmp_path)
    model = spm.load_model(tmp_path)
    with torch.no_grad():
        features = model.encode_video(pixels)
        logits = model.classify(features[:2], labels, features[2:], text)
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()
