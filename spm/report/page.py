"""What stands on the report's page: numbers, pictures, and notes on how to read them.

A function for each section, in the order of `page_blocks`. A section that has nothing to show is
empty. results: the content of evaluate.json.
"""

from collections.abc import Collection, Sequence
from typing import Any

from spm.report.alignment_examples import AlignmentExample
from spm.report.asked_queries import AskedQuery
from spm.report.blocks import Block, Heading, Items, Picture, Table, Text
from spm.report.clip_vectors import ClipVectors
from spm.report.feature_map import FeatureMap
from spm.report.figures import Rows, chosen_checkpoint
from spm.results.accuracy_table import accuracy_rows, origin_lines
from spm.results.confidence_words import by_title, confidence_lines, off_by
from spm.results.text_words import CONTROLS, text_state, worth
from spm.results.unknown_words import NAMES, promise, telling, unknown_lines


def page_blocks(
    results: dict[str, Any],
    *,
    curve: Rows,
    vectors: ClipVectors | None,
    maps: Sequence[FeatureMap],
    asked: Sequence[AskedQuery],
    examples: Sequence[AlignmentExample],
    cold: Collection[int] | str,
) -> list[Block]:
    """The page. curve: the rows of train_curves.csv. vectors: None without UMAP; maps: of
    them, none if they are too few. cold: the queries `asked`, by number from 1, of which no place
    speaks for the class; or why there is no heat. examples:
    the alignments of the queries that were `asked`, none for a method that aligns no frames.

    Pictures have the names that the stage gives them.
    """
    return [
        Heading(title(results), level=1),
        *_accuracy(results),
        *_training(results, curve),
        *_classes(),
        *_confidence(results),
        *_unknown(results),
        *_text_worth(results),
        *_feature_maps(vectors, maps),
        *_alignments(examples),
        *_heat(asked, cold),
        *_hashes(results["hashes"]),
    ]


def title(results: dict[str, Any]) -> str:
    """ "motion: 92.05 ± 0.18 %, 5-way 1-shot" """
    accuracy = f"{results['accuracy']:.2f} ± {results['ci95']:.2f} %"
    return f"{results['dataset']}: {accuracy}, {results['way']}-way {results['shot']}-shot"


def _accuracy(results: dict[str, Any]) -> list[Block]:
    """The table that the run ended with, and how to read it."""
    head, *rows = (
        (classifier, way, shot, *numbers)
        for way, shot, classifier, *numbers in accuracy_rows(results)
    )
    return [
        Text(
            f"{results['title']} on {results['backbone']}, {results['episodes']} episodes of the "
            f"test split, {results['query']} queries per class. Accuracies in percent."
        ),
        Table(head, rows),
        Items(_reading(results) + origin_lines(results)),
    ]


def _training(results: dict[str, Any], curve: Rows) -> list[Block]:
    if not curve:
        return [Heading("Training"), Text("Not trained here.")]
    caption = "Loss and accuracy over the episodes of training."
    if chosen := chosen_checkpoint(curve):
        caption += (
            f" Dashed line and star: the checkpoint that was chosen, after {chosen[0]} episodes, "
            f"by its accuracy of {chosen[1]:.2f} % on the {results['selection']} split."
        )
    alt = "Learning curve: loss and accuracy over the episodes of training"
    return [Heading("Training"), Picture("learning_curve.png", alt, caption)]


def _classes() -> list[Block]:
    return [
        Heading("Classes"),
        Picture("per_class.png", "Bars: the accuracy of each test class"),
        Picture(
            "confusion.png",
            "Confusion matrix of the test classes",
            "Rows: the class that a query is of; columns: the class that it was taken for, by its "
            "number in the rows. An episode offers only some of the classes, so a class is "
            "confused with those it met.",
        ),
    ]


def _confidence(results: dict[str, Any]) -> list[Block]:
    kinds = by_title(results)
    if not kinds:
        return []
    return [
        Heading("Confidence"),
        Picture(
            "reliability.png",
            "Reliability: accuracy over confidence, and the number of answers",
            "Each point is the answers whose most probable class has about the same probability: "
            "on the dotted line as many of them are right as it says. Below, the number of "
            "answers.",
        ),
        Items(
            [f"{name}: {off_by(measured)}" for name, measured in kinds.items()]
            + (confidence_lines(results) if len(results["shots"]) > 1 else [])
        ),
        Text(
            "A temperature is fitted on episodes of the validation split, and measured here on "
            "other classes. It promises nothing for another number of classes or of supports."
        ),
    ]


def _unknown(results: dict[str, Any]) -> list[Block]:
    measured = results["unknown"]
    if not measured:
        return []
    return [
        Heading("None of these"),
        Text(
            f"In the first {measured['episodes']} episodes, one query of each class and "
            f"{measured['queries']} of other classes, each alone. How well a score tells them "
            "apart:"
        ),
        Items([f"{NAMES[name]}: {telling(score)}" for name, score in measured["scores"].items()]),
        Text(f"The threshold by which a recognizer says so: {promise(measured['promise'])}."),
        *(Text(line.strip()) for line in unknown_lines(results) if len(results["shots"]) > 1),
        Text("Intervals are those of a bootstrap over episodes; other classes are not in them."),
        Picture(
            "unknown.png",
            "Confusion matrix of the queries that are none of the classes",
            "Queries of other classes alone. Rows: the class that a query is of; columns: "
            f"{_columns(measured['promise'])}. Its own class is never offered.",
        ),
    ]


def _columns(made: dict[str, Any]) -> str:
    """What the columns of the unknown queries are."""
    if "reason" in made:
        return "the class that it was taken for. No threshold is promised, so none is rejected"
    return (
        "“none”, rejected by that threshold, as it should be, or the class that it passed for, by "
        "its number in the rows"
    )


def _text_worth(results: dict[str, Any]) -> list[Block]:
    """The controls measured at test."""
    measured = {
        shot: summary["text_controls"]
        for shot, summary in results["shots"].items()
        if summary["text_controls"]
    }
    if not measured:
        return []
    rows = [
        (name, shot, f"{controls[key]['accuracy']:.2f}", *_points(*worth(controls, control=key)))
        for shot, controls in measured.items()
        for key, name in CONTROLS.items()
    ]
    episodes = next(iter(measured.values()))["episodes"]
    return [
        Heading("What the text is worth"),
        Table(("at test instead of the classes' texts", "shot", "accuracy", "worth", "95 %"), rows),
        Text(
            "Worth: points of accuracy with the classes' own texts above that with these, over "
            f"the first {episodes} episodes, paired. Where the interval is larger than the points, "
            "they show nothing."
        ),
        Text(
            "The model was trained with its own texts; what it would learn without them shows in "
            "one trained with all-zero text (`prompts.control: zero`)."
        ),
    ]


def _points(mean: float, interval: float) -> tuple[str, str]:
    return f"{mean:+.2f}", f"±{interval:.2f}"


def _feature_maps(vectors: ClipVectors | None, maps: Sequence[FeatureMap]) -> list[Block]:
    heading = Heading("Map of the features")
    if vectors is None:
        return [
            heading,
            Text(
                "Left out: UMAP is not installed here. `pip install -e .[umap]`, then "
                "`dvc repro -f -s report`."
            ),
        ]
    if not maps:
        return [
            heading,
            Text(
                f"Left out: {len(vectors.labels)} clips of {len(vectors.texts)} classes, beside "
                "the supports, are too few for a map."
            ),
        ]
    measured = "; ".join(f"{each.title} {each.silhouette:.2f}" for each in maps)
    return [
        heading,
        Picture(
            "feature_map.png",
            "Two-dimensional maps of test clips, coloured by class",
            f"UMAP of {len(vectors.labels)} test clips of {len(vectors.texts)} classes that "
            "`report.seed` draws, as Fig. 6 of the paper. A clip is the mean of its frames' "
            f"features. {_method_features(vectors)}",
        ),
        Text(
            f"Silhouettes of the features themselves, by cosine distance, since a picture can "
            f"flatter: {measured} (at 1 the classes lie far apart, at 0 they overlap)."
        ),
    ]


def _method_features(vectors: ClipVectors) -> str:
    if vectors.method is None:
        return (
            "Of these alone: the method compares them as they are, or names no features of a "
            "query after itself."
        )
    return (
        f"On the right {vectors.what}, of each clip as a query among the episode's classes: no "
        "text of its own class marks it, as it would mark a support."
    )


def _alignments(examples: Sequence[AlignmentExample]) -> list[Block]:
    if not examples:
        return []
    return [
        Heading("Alignments"),
        Text(
            "Query frames run down, frames of a support clip of the predicted class run across. "
            "Dark cells are pairs of frames that are far apart, as the method compares them; "
            "discs show how much a pair weighs in the distance of query and class."
        ),
        *(_alignment(example, number) for number, example in enumerate(examples, start=1)),
    ]


def _alignment(example: AlignmentExample, number: int) -> Picture:
    return Picture(
        f"alignment_{number}.png",
        "Frames of a query and of a support clip, with the distance of each pair",
        _verdict(example, number),
    )


def _heat(asked: Sequence[AskedQuery], cold: Collection[int] | str) -> list[Block]:
    heading = Heading("Where it looked")
    if not asked:
        return []
    if isinstance(cold, str):
        return [heading, Text(f"Left out: {cold}.")]
    return [
        heading,
        Text(
            "Frames of the same queries, and below them what speaks for the class that the query "
            "was taken for: Grad-CAM of its logit in the episode, through the method, at the last "
            "positions of the tower that reach it. The scale is one for all frames of a clip."
        ),
        *(
            Picture(
                f"heat_{number}.png",
                "Frames of a query, their heat, and both",
                _verdict(each, number) + ". No place speaks for it" * (number in cold),
            )
            for number, each in enumerate(asked, start=1)
        ),
    ]


def _verdict(example: AlignmentExample | AskedQuery, number: int) -> str:
    verdict = "right" if example.right else "wrong"
    return (
        f"{number}. {verdict}: {example.actual}, taken for {example.predicted} "
        f"({example.probability:.0f} %)"
    )


def _hashes(hashes: dict[str, str]) -> list[Block]:
    return [
        Heading("What was measured"),
        Items([f"{name}: `{value}`" for name, value in sorted(hashes.items())]),
    ]


def _reading(results: dict[str, Any]) -> list[str]:
    lines = [
        f"Mean over {results['episodes']} episodes of the test split, whose classes were never "
        "trained on; ± is the 95 % interval of the mean.",
        f"Protocol: {results['protocol']}. {_not_comparable(results)}",
        *_inductive(results),
        f"The checkpoint was selected on the {results['selection']} split.",
    ]
    if results["baselines"]:
        lines.append(
            "The baselines classify the same features in the same episodes and learn nothing."
        )
    if results["text_control"] != "none":
        state = text_state(results["text"], control=results["text_control"])
        lines.append(f"Text: {state}.")
    if results["text"] == "untrained":
        lines.append(
            "Text: untrained. Class texts went through a tower with random weights: they tell "
            "classes apart, but carry no meaning."
        )
    return lines


def _not_comparable(results: dict[str, Any]) -> str:
    if results["transductive"]:
        return "Inductive accuracies are not comparable with this transductive one."
    return "Transductive accuracies are not comparable with this inductive one."


def _inductive(results: dict[str, Any]) -> list[str]:
    """The line on the inductive accuracy; empty if it was not measured, or is the accuracy."""
    if not (results["transductive"] and results["inductive"]):
        return []
    alone = results["inductive"]
    numbers = f"{alone['accuracy']:.2f} ± {alone['ci95']:.2f} %"
    return [
        f"Inductive, each query classified as if it were alone: {numbers}, over the first "
        f"{alone['episodes']} of these episodes."
    ]
