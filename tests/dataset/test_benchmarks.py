"""spm/dataset/benchmarks.yaml: the published facts, and what is derived from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spm.base.errors import ConfigError
from spm.base.yaml_file import read_yaml
from spm.config.dataset import BENCHMARKS
from spm.dataset.benchmarks import CUSTOM, ListedClip, digest_of, load_benchmark, normalised
from spm.results.paper_results import paper_accuracy
from tests.import_closure import ROOT
from tests.toy_benchmark import toy

# Section 4.1 of the paper: classes, and videos, of train / val / test. It prints 2,854 test videos
# for SSv2-Full, where the lists have 2,857.
PUBLISHED = {
    ("hmdb51", "arn"): ((31, 10, 10), (4280, 1194, 1292)),
    ("ucf101", "arn"): ((70, 10, 21), (9154, 1421, 2745)),
    ("kinetics100", "cmn"): ((64, 12, 24), (6400, 1200, 2400)),
    ("kinetics100", "cmn_replaced"): ((64, 12, 24), (6400, 1200, 2400)),
    ("ssv2_small", "cmn_j"): ((64, 12, 24), (6400, 1200, 2400)),
    ("ssv2_full", "otam_77500"): ((64, 12, 24), (77500, 1926, 2857)),
    ("ssv2_full", "otam_67013"): ((64, 12, 24), (67013, 1926, 2857)),
}


def test_the_file_has_the_benchmarks_that_params_yaml_takes():
    assert tuple(read_yaml(ROOT / "spm/dataset/benchmarks.yaml")) == BENCHMARKS


@pytest.mark.parametrize(("name", "variant"), PUBLISHED)
def test_classes_and_clips_are_as_many_as_the_paper_says(name, variant):
    benchmark = load_benchmark(name)
    (found,) = [each for each in benchmark.variants if each.name == variant]
    counts = benchmark.counts(found)
    assert list(counts) == ["train", "val", "test"]
    classes, clips = PUBLISHED[name, variant]
    assert tuple(len(counts[split]) for split in counts) == classes
    assert tuple(sum(counts[split].values()) for split in counts) == clips


def test_every_published_variant_is_known():
    found = {(name, each.name) for name in BENCHMARKS for each in load_benchmark(name).variants}
    assert found == set(PUBLISHED)
    digests = [each.digest for name in BENCHMARKS for each in load_benchmark(name).variants]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("name", BENCHMARKS)
def test_no_class_is_in_two_splits_or_like_another(name):
    benchmark = load_benchmark(name)
    classes = [each.name for members in benchmark.classes.values() for each in members]
    assert len({normalised(each) for each in classes}) == len(classes) == len(benchmark.splits())


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_release_has_texts_for_train_and_test_classes(name):
    benchmark = load_benchmark(name)
    named = {each for each, split in benchmark.splits().items() if split != "val"}
    assert benchmark.released_texts().keys() == named


@pytest.mark.parametrize(
    ("name", "backbone", "expected"),
    [
        ("hmdb51", "ViT-B-16-quickgelu", (78.2, 86.3, 88.6)),
        ("ucf101", "RN50-quickgelu", (93.8, 97.2, 97.7)),
        ("kinetics100", "RN50", (90.9, 92.9, 93.5)),
        ("ssv2_full", "ViT-B-16", (66.7, 74.8, 77.3)),
        ("ssv2_small", "RN50-quickgelu", (50.8, 54.9, 58.5)),
    ],
)
def test_the_papers_results(name, backbone, expected):
    found = [
        paper_accuracy("clip_spm", name, backbone=backbone, way=5, shot=shot) for shot in (1, 3, 5)
    ]
    assert tuple(found) == expected


@pytest.mark.parametrize(
    ("benchmark", "backbone", "way", "shot"),
    [
        (None, "RN50", 5, 1),
        ("ucf101", "builtin-clip", 5, 1),
        ("ucf101", "RN101", 5, 1),
        ("ucf101", "RN50", 10, 1),
        ("ucf101", "RN50", 5, 2),
    ],
)
def test_where_the_paper_reports_nothing(benchmark, backbone, way, shot):
    assert paper_accuracy("clip_spm", benchmark, backbone=backbone, way=way, shot=shot) is None


def test_an_unknown_benchmark_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no benchmark 'ucf11'. Did you mean 'ucf101'\?"):
        load_benchmark("ucf11")


CLIPS = st.lists(
    st.builds(
        ListedClip,
        st.sampled_from(["train", "test"]),
        st.sampled_from(["run", "sit"]),
        st.text("abc", min_size=1, max_size=3),
    ),
    min_size=1,
    unique=True,
)


@given(CLIPS, st.randoms())
def test_a_digest_names_the_set_whatever_its_order(clips, random):
    digest = digest_of(clips)
    random.shuffle(clips)
    assert digest_of(clips) == digest
    assert digest_of(clips[1:]) != digest
    moved = clips[0]._replace(split="test" if clips[0].split == "train" else "train")
    assert moved in clips or digest_of([moved, *clips[1:]]) != digest


def test_a_variant_is_known_by_its_digest():
    clips = [ListedClip("train", "run", "a"), ListedClip("test", "sit", "b")]
    variant = {"name": "mine", "digest": digest_of(clips), "says": "…"}
    benchmark = toy(variants=[variant])
    assert benchmark.variant_of(clips[::-1], otherwise=CUSTOM).name == "mine"
    assert benchmark.variant_of(clips[1:], otherwise=CUSTOM) == CUSTOM


def test_counts_by_variant_and_those_of_the_first_for_an_unknown_one():
    variants = [{"name": name, "digest": name, "says": ""} for name in ("new", "old")]
    classes = {"train": [{"name": "run", "clips": [7, 5]}, {"name": "sit", "clips": 3}]}
    benchmark = toy(variants=variants, classes=classes)
    new, old = benchmark.variants
    assert benchmark.counts(new) == benchmark.counts(CUSTOM) == {"train": {"run": 7, "sit": 3}}
    assert benchmark.counts(old) == {"train": {"run": 5, "sit": 3}}


@pytest.mark.parametrize(
    ("clip_names", "name", "expected"),
    [
        ("youtube", "-VtLx-mcPds_000012_000022", ("-VtLx-mcPds", "000012_000022")),
        ("youtube", "_3UZYel2CLA", ("_3UZYel2CLA", "")),
        ("file", "v_Run_g01_c01_000012_000022", ("v_Run_g01_c01_000012_000022", "")),
        ("number", "51958", ("51958", "")),
    ],
)
def test_what_a_files_name_says(clip_names, name, expected):
    assert toy(clip_names=clip_names).clip_of(name) == expected


@pytest.mark.parametrize(
    "written",
    ["hurling_(sport)", "hurling (sport)", "Hurling sport", "hurling-[sport]", "HurlingSport"],
)
def test_class_names_in_any_writing(written):
    assert normalised(written) == "hurlingsport"
