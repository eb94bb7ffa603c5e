"""The table of towers: what a name says, before anything is built."""

import subprocess
import sys

import pytest

from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig, kind_of
from spm.model.towers import table
from stages.shared import params
from tests.import_closure import ROOT
from tests.machines import told

RESNET = "timm/resnet50.tv_in1k"
CROSSVIT = "timm/crossvit_9_240.in1k"


def _config(name: str, **changes) -> BackboneConfig:
    return BackboneConfig(**read_yaml(params.PARAMS)["backbone"] | {"name": name} | changes)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("builtin-clip", "open_clip"),
        ("convnext_base", "open_clip"),
        ("RN50-quickgelu", "open_clip"),
        (RESNET, "timm"),
        ("timm", "open_clip"),
    ],
)
def test_the_kind_is_how_the_name_begins(name, kind):
    assert kind_of(name) == _config(name).kind == kind


@pytest.mark.parametrize(
    ("name", "text", "maps"),
    [
        ("builtin-clip", True, True),
        ("ViT-B-16-quickgelu", True, True),
        (RESNET, False, True),
        ("timm/test_vit.r160_in1k", False, True),
        (CROSSVIT, False, False),
        ("timm/pit_ti_224.in1k", False, False),
    ],
)
def test_what_a_tower_gives_is_known_by_its_name(name, text, maps):
    assert table.gives_text(_config(name)) is text
    assert table.gives_maps(_config(name)) is maps


def test_a_method_that_needs_text_refuses_a_tower_without():
    message = (
        r"^model\.method: clip_spm needs class texts, and timm/resnet50\.tv_in1k has no text "
        r"tower: take an open_clip tower, or a method without text$"
    )
    with pytest.raises(ConfigError, match=message):
        table.check_gives("clip_spm", features="frames", text=True, backbone=_config(RESNET))
    table.check_gives("otam", features="frames", text=False, backbone=_config(RESNET))
    for name in ("builtin-clip", "RN50-quickgelu"):
        table.check_gives("clip_spm", features="frames", text=True, backbone=_config(name))


def test_a_method_that_needs_maps_refuses_a_tower_without():
    message = rf"^model\.method: strm needs feature maps, and {CROSSVIT} gives none: "
    with pytest.raises(ConfigError, match=message):
        table.check_gives("strm", features="maps", text=False, backbone=_config(CROSSVIT))
    table.check_gives("otam", features="frames", text=False, backbone=_config(CROSSVIT))
    for name in ("builtin-clip", RESNET):
        table.check_gives("strm", features="maps", text=False, backbone=_config(name))


@pytest.mark.parametrize(
    ("name", "given", "size"),
    [
        ("builtin-clip", None, 56),
        ("RN50-quickgelu", None, 224),
        (RESNET, None, 224),
        (RESNET, 128, 128),
        ("timm/resnet10t.c3_in1k", None, 176),
        ("timm/vit_small_patch14_dinov2.lvd142m", None, 518),
        ("timm/vit_small_patch14_dinov2.lvd142m", 224, 224),
    ],
)
def test_frames_are_of_the_models_size_or_of_another_that_it_takes(name, given, size):
    assert table.image_size(_config(name, image_size=given)) == size


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("RN50-quickgelu", 48, r"RN50-quickgelu takes 224 \(or null\)"),
        ("timm/resnt50.tv_in1k", None, r"is no model of timm; near it: timm/resnet50\.tv"),
        ("timm/resnet50", None, told("a timm tower without a tag").pattern),
        ("timm/resnet50.openai", None, r"needs one of timm's tags, .*timm/resnet50\.tv_in1k"),
        ("timm/test_vit.r160_in1k", 72, r" = 72: .*its patches are of 16 pixels"),
        ("timm/test_convnext.r160_in1k", 16, r" = 16: .*its own is 160 \(or null\)"),
        ("timm/inception_v4.tf_in1k", 64, r" = 64: .*its own is 299 \(or null\)"),
        ("timm/vit_base_patch16_sapiens2.fb", None, r"takes frames of 1024×768 pixels"),
        ("timm/deepseek_vit_412m_enc.deepseek_v4_1_flash", None, r"not one feature of 5120"),
    ],
)
def test_a_name_or_size_that_cannot_be_says_what_can(name, given, message):
    with pytest.raises(ConfigError, match=rf"^(?=backbone\.(name|image_size)\b).*{message}"):
        table.image_size(_config(name, image_size=given))


WITHOUT_TORCH = """
import sys
from pathlib import Path
from spm.base.yaml_file import read_yaml
from spm.config.backbone import BackboneConfig
from spm.model.towers import table
values = read_yaml(Path("params.yaml"))["backbone"]
for name in ("builtin-clip", "RN50"):
    backbone = BackboneConfig(**values | {"name": name})
    table.image_size(backbone)
    table.check_gives("any", features="maps", text=True, backbone=backbone)
print([name for name in ("torch", "timm", "open_clip") if name in sys.modules])
"""


def test_of_open_clips_models_nothing_imports_torch():
    out = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert out.stdout.strip() == "[]"
