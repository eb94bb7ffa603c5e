"""builtin-clip through the code of every open_clip model: towers, tokenizer, weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from spm.base.errors import ConfigError
from spm.base.hashing import file_hash
from spm.builtin_clip.model import files
from spm.builtin_clip.model.files import NAME, TAG
from spm.builtin_clip.model.registered import open_clip
from spm.model.backbone import build_backbone
from spm.model.check_weights import check
from spm.model.clip_models import describe, image_size
from spm.model.text_tower import build_tower, encode_sentences, is_trained
from spm.model.towers.table import check_weights, doubt
from stages.shared.outside_files import outside_files
from tests import models
from tests.towers import config, pixels, tower

SENTENCES = ["a red circle", "something at the top left corner"]


@pytest.fixture
def whole() -> torch.nn.Module:
    """The model as open_clip makes it, with statistics that are not BatchNorm's first ones."""
    torch.manual_seed(3)
    model = open_clip.create_model(NAME)
    model.train().encode_image(torch.randn(8, 3, 56, 56))
    return model.eval()


@pytest.fixture
def shipped(whole: torch.nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights' file of the package, of `whole` in half precision; `whole` is rounded alike."""
    path = tmp_path / "weights.safetensors"
    state = {
        name: value.half() if value.is_floating_point() else value
        for name, value in whole.state_dict().items()
    }
    save_file(state, path)
    whole.load_state_dict(state)
    monkeypatch.setattr(files, "WEIGHTS", path)
    return path


def test_the_tag_gives_both_towers_of_open_clips_model(whole, shipped):
    backbone = build_backbone(config(NAME, weights=TAG)).eval()
    assert (backbone.channels, backbone.image_size) == (128, 56)
    assert all(value.dtype == torch.float32 for value in backbone.parameters())
    frames = pixels(backbone, 3)
    images = ((frames.float() / 255 - backbone.mean) / backbone.std).permute(0, 3, 1, 2)
    tokens = open_clip.get_tokenizer(NAME)(SENTENCES)
    assert tokens.shape == (2, 32)
    with torch.no_grad():
        torch.testing.assert_close(backbone(frames), whole.encode_image(images))
        text = encode_sentences(SENTENCES, backbone=config(NAME, weights=TAG))
        torch.testing.assert_close(text, whole.encode_text(tokens))
    assert is_trained(config(NAME, weights=TAG))


def test_the_tag_passes_the_checks_and_its_file_is_recorded_by_its_content(shipped):
    backbone = config(NAME, weights=TAG)
    check_weights(backbone)
    assert doubt(backbone) == check(backbone) == ""
    section = models.spec().model
    before = outside_files(section, backbone=backbone)
    assert before == {TAG: file_hash(shipped)}
    shipped.write_bytes(shipped.read_bytes()[:-1] + b"\1")
    assert outside_files(section, backbone=backbone) == {TAG: file_hash(shipped)} != before


def test_the_file_of_the_tag_is_a_file_as_any_other(shipped):
    by_path, by_tag = (tower(NAME, weights=weights) for weights in (str(shipped), TAG))
    for name, value in by_tag.state_dict().items():
        assert torch.equal(value, by_path.state_dict()[name])


def test_without_the_file_the_tag_is_refused_by_what_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "WEIGHTS", tmp_path / "weights.safetensors")
    backbone = config(NAME, weights=TAG)
    message = (
        r"^backbone\.weights = 'built-in': there is no .*weights\.safetensors: install the package "
        r"again, or make the weights: python -m spm\.builtin_clip\.make \(null: random weights\)$"
    )
    for asked in (
        check_weights,
        doubt,
        build_backbone,
        build_tower,
        lambda backbone: outside_files(models.spec().model, backbone=backbone),
    ):
        with pytest.raises(ConfigError, match=message):
            asked(backbone)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        (NAME, "openai", r"a pretrained tag of builtin-clip; tags: built-in$"),
        ("RN50-quickgelu", TAG, r"a pretrained tag of RN50-quickgelu; tags: openai, "),
        ("timm/resnet50.tv_in1k", TAG, r"neither a file nor 'pretrained'"),
    ],
)
def test_a_tag_belongs_to_its_model(name, weights, message):
    with pytest.raises(ConfigError, match=message):
        check_weights(config(name, weights=weights))


def test_the_description_is_found_without_open_clip_and_the_size_is_fixed():
    assert describe(NAME) == json.loads(files.DESCRIPTION.read_text(encoding="utf-8"))
    assert describe(NAME) == open_clip.get_model_config(NAME)
    with pytest.raises(ConfigError, match=r"backbone\.image_size = 32: builtin-clip takes 56"):
        image_size(config(NAME, image_size=32))
    with pytest.raises(ConfigError, match=r"near it: builtin-clip"):
        describe("built-in-clip")


def test_random_weights_are_the_seeds_in_both_towers():
    first, again, other = (config(NAME, seed=seed) for seed in (0, 0, 1))
    heads = [tower(NAME, seed=each.seed).visual.trunk.head.weight for each in (first, again, other)]
    texts = [encode_sentences(SENTENCES, backbone=each) for each in (first, again, other)]
    for same, again_same, differs in (heads, texts):
        assert torch.equal(same, again_same)
        assert not torch.allclose(same, differs)
    assert not is_trained(first)
