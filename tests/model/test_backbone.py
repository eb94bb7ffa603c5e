"""Visual towers: the small one, and open_clip's without their text towers."""

import zipfile

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import save_file

from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.model.backbone import build_backbone
from spm.model.text_tower import build_tower
from stages.shared import params
from tests import tiny_clip
from tests.machines import told
from tests.tiny_clip import NAME as TINY


@pytest.fixture(autouse=True)
def _tiny_model(monkeypatch, tmp_path_factory):
    tiny_clip.register(monkeypatch, tmp_path_factory.mktemp("models"), {TINY: tiny_clip.CONFIG})


def _config(**changes) -> BackboneConfig:
    open_clip_model = {"name": TINY, "weights": None, "image_size": None}
    return BackboneConfig(**read_yaml(params.PARAMS)["backbone"] | open_clip_model | changes)


def _pixels(side: int = 32) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8, generator=rng)


def test_the_visual_tower_is_the_one_that_open_clip_builds(tmp_path):
    whole = open_clip.create_model(TINY).eval()
    torch.save(whole.state_dict(), tmp_path / "clip.pt")
    backbone = build_backbone(_config(weights=str(tmp_path / "clip.pt"))).eval()
    images = (_pixels().float() / 255 - backbone.mean) / backbone.std
    with torch.no_grad():
        expected = whole.encode_image(images.permute(0, 3, 1, 2))
        torch.testing.assert_close(backbone(_pixels()), expected)
    assert (backbone.channels, backbone.image_size) == (24, 32)


FORMS = [
    "safetensors",
    "torchscript",
    "wrapped",
    "training checkpoint",
    "before torch 1.6",
    "misnamed",
]


@pytest.mark.filterwarnings("error:.*torch.jit.load")
@pytest.mark.parametrize("form", FORMS)
def test_weights_are_read_from_every_form_in_circulation(tmp_path, form):
    whole = open_clip.create_model(TINY).eval()
    if form == "safetensors":
        path = tmp_path / "clip.safetensors"
        save_file(whole.state_dict(), path)
    elif form == "wrapped":
        path = tmp_path / "clip.pt"
        state = {f"module.{name}": value for name, value in whole.state_dict().items()}
        torch.save({"state_dict": state, "epoch": 3}, path)
    elif form == "training checkpoint":
        path = tmp_path / "epoch_3.pt"
        state = {f"module.{name}": value for name, value in whole.state_dict().items()}
        optimizer = torch.optim.AdamW(whole.parameters()).state_dict()
        beside = {"epoch": np.int64(3), "name": "run", "optimizer": optimizer, "loss": np.ones(2)}
        torch.save({"state_dict": state} | beside, path)
    elif form == "before torch 1.6":
        path = tmp_path / "clip.pth"
        torch.save(whole.state_dict(), path, _use_new_zipfile_serialization=False)
    elif form == "misnamed":
        path = tmp_path / "clip.bin"
        save_file(whole.state_dict(), path)
    else:
        path = tmp_path / "clip.pt"
        example = (torch.zeros(1, 3, 32, 32), torch.zeros(1, 77, dtype=torch.int64))
        torch.jit.save(torch.jit.trace(whole, example, strict=False), path)
    backbone, text = (build(_config(weights=str(path))) for build in (build_backbone, build_tower))
    for name, value in whole.visual.state_dict().items():
        assert torch.equal(backbone.visual.state_dict()[name], value)
    tokens = torch.randint(0, 49408, (2, 77))
    with torch.no_grad():
        assert torch.equal(text(tokens), whole.encode_text(tokens))


def test_random_weights_follow_the_seed_and_leave_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, again, other = (build_backbone(_config(seed=seed)) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    name = "conv1.weight"
    weights = [each.visual.state_dict()[name] for each in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_without_normalisation_pixels_are_only_scaled():
    config = {"name": tiny_clip.CONV, "weights": None}
    plain, normal = (build_backbone(_config(**config, normalize=on)).eval() for on in (False, True))
    black = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    with torch.no_grad():
        expected = plain.visual(torch.zeros(1, 3, 32, 32))
        torch.testing.assert_close(plain(black), expected)
        assert not torch.allclose(normal(black), expected)


def test_double_precision():
    backbone = build_backbone(_config()).double().eval()
    assert backbone(_pixels()).dtype == torch.float64


def test_bfloat16_is_the_towers_alone():
    """Features come back in float32, as far from float32's as eight bits are."""
    exact, low = (build_backbone(_config(precision=p)).eval() for p in ("float32", "bfloat16"))
    seen = []
    low.visual.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    with torch.no_grad():
        expected, features = exact(_pixels()), low(_pixels())
    assert seen == [torch.bfloat16]
    assert features.dtype == torch.float32
    error = (features - expected).norm() / expected.norm()
    assert 1e-4 < error < 0.05
    assert all(value.dtype == torch.float32 for value in low.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "ViT-B-16-quickgelo"}, "near it: ViT-B-16-quickgelu"),
        ({"name": "RN50-quickgelu", "weights": "opnai"}, "tags: openai, yfcc15m, cc12m"),
        ({"image_size": 48}, "tiny-vit takes 32"),
        ({"weights": __file__}, "backbone.weights: .*holds no weights: it starts with"),
    ],
)
def test_what_cannot_be_built_says_what_can(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_backbone(_config(**changes))


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("list.pt", [torch.zeros(3)], r"list\.pt holds no weights by name, but a list"),
        ("inner.pt", {"state_dict": 3}, r"inner\.pt holds no weights by name, but a int"),
        ("numbers.pt", {0: torch.zeros(3)}, r"numbers\.pt holds no weights by name"),
        ("tensor.pt", torch.zeros(3), r"tensor\.pt holds no weights by name, but a Tensor"),
    ],
)
def test_a_torch_file_without_a_state_dict_is_named(tmp_path, file, content, message):
    torch.save(content, tmp_path / file)
    with pytest.raises(ConfigError, match=message):
        build_backbone(_config(weights=str(tmp_path / file)))


def test_damaged_weights_are_named(tmp_path):
    whole = open_clip.create_model(TINY)
    torch.save(whole.state_dict(), tmp_path / "clip.pt")
    save_file(whole.state_dict(), tmp_path / "clip.safetensors")
    for name, message in (("clip.pt", "is cut short"), ("clip.safetensors", "is damaged or cut")):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        with pytest.raises(ConfigError, match=rf"backbone\.weights: .*{name} {message}"):
            build_backbone(_config(weights=str(tmp_path / name)))
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("clip/code/model.py", "nonsense")
    with pytest.raises(ConfigError, match=r"script\.pt is an archive without torch's data\.pkl"):
        build_backbone(_config(weights=str(tmp_path / "script.pt")))


def test_a_whole_saved_model_is_asked_for_as_its_weights(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")
    with pytest.raises(ConfigError, match=told("a whole model, pickled").pattern):
        build_backbone(_config(weights=str(tmp_path / "model.pt")))


def test_weights_of_another_model_are_named(tmp_path):
    torch.save({"visual.conv1.weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(ConfigError, match=r"other\.pt does not hold tiny-vit's visual tower"):
        build_backbone(_config(weights=str(tmp_path / "other.pt")))
    torch.save({"vision_model.proj": torch.zeros(3)}, tmp_path / "hub.pt")
    with pytest.raises(ConfigError, match=r"Hugging Face's names of CLIP") as error:
        build_backbone(_config(weights=str(tmp_path / "hub.pt")))
    assert "\n" not in str(error.value)


def test_weights_that_cannot_be_fetched_say_where_to_put_the_file(monkeypatch):
    def no_network(config):
        raise OSError("no route to host")

    monkeypatch.setattr(open_clip, "download_pretrained", no_network)
    with pytest.raises(ConfigError, match=r"put it\s+for example at models/RN50-quickgelu-openai"):
        build_backbone(_config(name="RN50-quickgelu", weights="openai"))
