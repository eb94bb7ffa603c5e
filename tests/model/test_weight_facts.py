"""What is known of pretrained weights, against what the backbone computes."""

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch

from spm.base.errors import ConfigError
from spm.base.hashing import file_hash
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.model import check_weights as command
from spm.model.backbone import build_backbone
from spm.model.weight_facts import CLIP_MEAN, CLIP_STD, check_weights, doubt
from stages.shared import params
from tests import tiny_clip
from tests.machines import told

QUICK = "tiny-vit-quickgelu"
PLAIN = "tiny-vit-gelu"
LARGE = "tiny-vit-gelu-64"
SHORT = "tiny-vit-gelu-short"
ALONE = "tiny-vit-gelu-alone"
CONFIG = {key: value for key, value in tiny_clip.CONFIG.items() if key != "quick_gelu"}
MODELS: dict[str, dict[str, Any]] = {
    QUICK: CONFIG | {"quick_gelu": True},
    PLAIN: CONFIG,
    LARGE: CONFIG | {"vision_cfg": CONFIG["vision_cfg"] | {"image_size": 64}},
    ALONE: CONFIG | {"vision_cfg": CONFIG["vision_cfg"] | {"layers": 1}},
    SHORT: CONFIG | {"text_cfg": CONFIG["text_cfg"] | {"context_length": 32}},
}


@pytest.fixture(autouse=True)
def _tiny_models(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: Any) -> None:
    tiny_clip.register(monkeypatch, tmp_path_factory.mktemp("models"), MODELS)


def config(name: str, weights: Path | str, **changes: Any) -> BackboneConfig:
    given = {"name": name, "weights": str(weights), "image_size": None}
    return BackboneConfig(**read_yaml(params.PARAMS)["backbone"] | given | changes)


@pytest.mark.parametrize(("name", "tag"), open_clip.list_pretrained())
def test_every_published_pair_is_right_or_named_one_that_is(name: str, tag: str) -> None:
    """Against open_clip's own comparison, which only warns."""
    about = open_clip.get_pretrained_cfg(name, tag)
    quick = open_clip.get_model_config(name).get("quick_gelu", False)
    try:
        check_weights(config(name, tag))
    except ConfigError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said
    if quick != about.get("quick_gelu", False) and name != "roberta-ViT-B-32":  # has no twin
        assert f"set backbone.name: {name}-quickgelu" in said
        check_weights(config(f"{name}-quickgelu", tag))
    elif (about["mean"], about["std"]) != (CLIP_MEAN, CLIP_STD):
        assert "backbone.normalize: true takes CLIP's" in said
        check_weights(config(name, tag, normalize=False))
    else:
        assert said == ""


def test_a_tag_that_is_none_is_named_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="tags: openai, yfcc15m, cc12m"):
        check_weights(config("RN50-quickgelu", "opnai"))


def test_without_weights_there_is_nothing_to_say() -> None:
    own = config(QUICK, "").model_copy(update={"weights": None})
    check_weights(own)
    assert doubt(own) == ""


def traced(name: str, path: Path) -> Path:
    """A TorchScript archive, as OpenAI's are."""
    model = open_clip.create_model(name).eval()
    example = (torch.zeros(1, 3, 32, 32), torch.zeros(1, 77, dtype=torch.int64))
    torch.jit.save(torch.jit.trace(model, example, strict=False), path)
    return path


@pytest.mark.parametrize(("right", "wrong"), [(QUICK, PLAIN), (PLAIN, QUICK)])
def test_a_torchscript_archive_tells_its_activation(tmp_path: Path, right: str, wrong: str) -> None:
    path = traced(right, tmp_path / "clip.pt")
    check_weights(config(right, path))
    build_backbone(config(right, path))
    with pytest.raises(ConfigError, match=rf"set backbone\.name: {right}$"):
        check_weights(config(wrong, path))
    with pytest.raises(ConfigError, match=rf"set backbone\.name: {right}$"):
        build_backbone(config(wrong, path))


def openais(path: Path, **changed: Any) -> Path:
    """A state dict with the three values that OpenAI's hold beside the weights."""
    extras = {"input_resolution": 32, "context_length": 77, "vocab_size": 49408} | changed
    state = open_clip.create_model(PLAIN).state_dict()
    torch.save(state | {name: torch.tensor(value) for name, value in extras.items()}, path)
    return path


@pytest.mark.parametrize("name", ["input_resolution", "context_length", "vocab_size"])
@pytest.mark.parametrize(
    "value", [[32, 32], [], [[1], [2]], float("nan"), float("inf"), 1j, 0], ids=str
)
def test_values_that_are_no_size_are_not_openais(tmp_path: Path, name: str, value: Any) -> None:
    path = openais(tmp_path / "clip.pt", **{name: value})
    check_weights(config(PLAIN, path))
    assert doubt(config(PLAIN, path)) == ""


def test_openais_values_beside_the_weights_tell(tmp_path: Path) -> None:
    path = openais(tmp_path / "clip.pt")
    check_weights(config(QUICK, path))
    with pytest.raises(ConfigError) as error:
        check_weights(config(PLAIN, path))
    assert str(error.value) == (
        f"backbone.weights = '{path}' is of a model with QuickGELU; backbone.name = '{PLAIN}' has "
        f"GELU: set backbone.name: {QUICK}"
    )
    assert told("OpenAI's weights in a model with GELU").fullmatch(str(error.value))
    for changed, said in (
        ({"input_resolution": 64}, r"with images of 64×64; .* has images of 32×32: take other"),
        ({"context_length": 32}, r"with a context of 32 tokens; .* of 77 tokens: take other"),
    ):
        with pytest.raises(ConfigError, match=said):
            check_weights(config(QUICK, openais(tmp_path / "other.pt", **changed)))


@pytest.mark.parametrize(("right", "wrong"), [(LARGE, PLAIN), (SHORT, PLAIN), (QUICK, LARGE)])
@pytest.mark.parametrize("file", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_the_description_beside_a_file_from_the_hub_tells(
    tmp_path: Path, file: str, right: str, wrong: str
) -> None:
    torch.save(open_clip.create_model(PLAIN).state_dict(), tmp_path / file)
    about = {"model_cfg": MODELS[right], "preprocess_cfg": {"mean": CLIP_MEAN, "std": CLIP_STD}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(about), encoding="utf-8")
    check_weights(config(right, tmp_path / file))
    with pytest.raises(ConfigError, match=rf"set backbone\.name: {right}$"):
        check_weights(config(wrong, tmp_path / file))
    about["preprocess_cfg"] = {"mean": [0.0] * 3, "std": [1.0] * 3}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(ConfigError, match=told("weights of other pixels").pattern):
        check_weights(config(right, tmp_path / file))
    check_weights(config(right, tmp_path / file, normalize=False))
    (tmp_path / "open_clip_config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"does not describe a model of open_clip \(KeyError"):
        check_weights(config(right, tmp_path / file))


def test_another_activation_is_an_error_where_no_model_of_it_exists(
    tmp_path: Path,
) -> None:
    """Most of open_clip's models have no sibling of the other activation."""
    path = tmp_path / "open_clip_model.safetensors"
    torch.save(open_clip.create_model(ALONE).state_dict(), path)
    about = {"model_cfg": MODELS[ALONE], "preprocess_cfg": {"mean": CLIP_MEAN, "std": CLIP_STD}}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(about), encoding="utf-8")
    check_weights(config(ALONE, path))
    about["model_cfg"] = MODELS[ALONE] | {"quick_gelu": True}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"with QuickGELU; .* has GELU: take other weights$"):
        check_weights(config(ALONE, path))


@pytest.mark.parametrize("url", ["https://host/clip/models/{0}/x.pt", "https://host/x-{0:.8}.pt"])
def test_a_published_file_is_known_by_its_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    """OpenAI's addresses hold the SHA-256 of their files, others' names its start."""
    path = tmp_path / "renamed.pt"
    torch.save(open_clip.create_model(PLAIN).state_dict(), path)
    about = open_clip.get_pretrained_cfg("RN50", "openai") | {"url": url.format(file_hash(path))}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, QUICK, {"openai": about})
    check_weights(config(QUICK, path))
    with pytest.raises(ConfigError, match=rf"set backbone\.name: {QUICK}$"):
        check_weights(config(PLAIN, path))


def test_of_any_other_file_nothing_is_known(tmp_path: Path) -> None:
    path = tmp_path / "clip.pt"
    torch.save(open_clip.create_model(PLAIN).state_dict(), path)
    for name in (PLAIN, QUICK):
        check_weights(config(name, path))
        assert doubt(config(name, path)) == ""


def test_where_the_activation_is_probably_another_a_doubt_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As OpenAI's package saves on a GPU; and where all that is published has QuickGELU."""
    model = open_clip.create_model(PLAIN)
    torch.save(model.state_dict(), tmp_path / "single.pt")
    open_clip.model.convert_weights_to_fp16(model)
    torch.save(model.state_dict(), tmp_path / "half.pt")
    said = doubt(config(PLAIN, tmp_path / "half.pt"))
    assert told("weights saved again, perhaps OpenAI's").fullmatch(said)
    assert f"set backbone.name: {QUICK}" in said
    assert doubt(config(QUICK, tmp_path / "half.pt")) == ""
    about = open_clip.get_pretrained_cfg("RN50", "openai")
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, PLAIN, {"openai": about})
    assert f"set backbone.name: {QUICK}" in doubt(config(PLAIN, tmp_path / "single.pt"))


def test_the_early_check_tries_a_file_on_both_towers(tmp_path: Path) -> None:
    state = open_clip.create_model(PLAIN).state_dict()
    path = tmp_path / "clip.pt"
    torch.save(state, path)
    assert command.check(config(PLAIN, path)) == ""
    for missing, tower in (("visual.proj", "visual tower"), ("text_projection", "text tower")):
        torch.save({name: state[name] for name in state if name != missing}, path)
        with pytest.raises(ConfigError, match=rf"{tower}: 1 missing \({missing}\)"):
            command.check(config(PLAIN, path))
