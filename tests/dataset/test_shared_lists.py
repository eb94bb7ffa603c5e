"""The published lists, where they are at hand: they are what spm/dataset/benchmarks.yaml says."""

import pytest

from spm.dataset.benchmarks import CUSTOM, load_benchmark
from spm.dataset.video_lists import read_clips
from tests.import_closure import ROOT

LISTS = ROOT.parent / "shared" / "benchmarks" / "lists"
VARIANTS = {
    ("hmdb51", "folder_style"): "arn",
    ("hmdb51", "few_shot_style"): "arn",
    ("ucf101", "folder_style"): "arn",
    ("ucf101", "few_shot_style"): "arn",
    ("kinetics100", "folder_style"): "cmn",
    ("kinetics100", "few_shot_style"): "cmn_replaced",
    ("ssv2_small", "folder_style"): "cmn_j",
    ("ssv2_small", "few_shot_style"): "cmn_j",
    ("ssv2_full", "folder_style"): "otam_77500",
    ("ssv2_full", "few_shot_style"): "otam_67013",
}

pytestmark = pytest.mark.skipif(not LISTS.is_dir(), reason=f"{LISTS} is not there")


@pytest.mark.parametrize(("name", "style"), VARIANTS)
def test_each_is_the_variant_it_is_and_has_its_counts(name, style):
    benchmark = load_benchmark(name)
    clips = read_clips(LISTS / style / name, benchmark=benchmark)
    variant = benchmark.variant_of(clips, otherwise=CUSTOM)
    assert variant.name == VARIANTS[name, style]
    counts = {
        split: dict.fromkeys(classes, 0) for split, classes in benchmark.counts(variant).items()
    }
    for clip in clips:
        counts[clip.split][clip.class_name] += 1
    assert counts == benchmark.counts(variant)


@pytest.mark.parametrize("style", ["folder_style", "few_shot_style"])
def test_numbers_stand_for_the_same_classes_with_and_without_their_file(style, tmp_path):
    benchmark = load_benchmark("ssv2_small")
    for path in (LISTS / style / "ssv2_small").glob("*.txt"):
        (tmp_path / path.name).write_text(path.read_text())
    assert set(read_clips(tmp_path, benchmark=benchmark)) == set(
        read_clips(LISTS / style / "ssv2_small", benchmark=benchmark)
    )


def test_the_variants_of_kinetics_share_9722_clips():
    benchmark = load_benchmark("kinetics100")
    folders = [LISTS / style / "kinetics100" for style in ("folder_style", "few_shot_style")]
    one, other = ({clip.id for clip in read_clips(f, benchmark=benchmark)} for f in folders)
    assert len(one & other) == 9722
