"""Results as HTML: what they say, and that a name is never markup."""

from pathlib import Path

from spm.page import markup
from spm.page.results import FoundStretches, Known, Looked, Progress, Recognised, Stretch

EVIL = '<img src=x onerror="alert(1)">'


def answer(**changes: object) -> Recognised:
    values: dict[str, object] = {
        "name": "a",
        "best": "a",
        "probabilities": {"a": 0.8, EVIL: 0.2},
        "score": 2.0,
        "threshold": 1.0,
        "false_alarms": 0.1,
        "is_calibrated": True,
        "frames": b"",
        "pictures": [],
    }
    return Recognised(**values | changes)  # type: ignore[arg-type]


def found(**changes: object) -> FoundStretches:
    values: dict[str, object] = {
        "video": EVIL,
        "seconds": 20.0,
        "segments": [Stretch(5, 10, EVIL, 0.5)],
        "classes": ["a", EVIL],
        "lengths": [1.0, 2.0],
        "rate": 4.0,
        "threshold": 1.0,
        "false_alarms": 0.1,
        "damage": [],
        "is_whole": True,
    }
    return FoundStretches(**values | changes)  # type: ignore[arg-type]


def test_names_are_words_and_not_markup() -> None:
    known = Known(Path("x"), {EVIL: 1}, EVIL, EVIL, EVIL)
    said = [
        markup.problem(EVIL),
        markup.done(EVIL),
        markup.working(Progress(EVIL)),
        markup.knows(known),
        markup.knows(known, is_empty=True, waiting=[EVIL]),
        markup.tray([Looked(Path("x"), EVIL, 1.0, b"")]),
        markup.not_taken([Looked(Path("x"), EVIL, problem=EVIL)]),
        markup.recognised(answer(name=EVIL, best=EVIL, notes=[EVIL])),
        markup.found(found(damage=[EVIL])),
    ]
    for html in said:
        assert "<img src=x" not in html
        assert "&lt;img" in html


def test_words_have_no_escapes_but_those_of_strange_characters() -> None:
    assert "about 10&nbsp;% of clips" in markup.done("about 10 % of clips")
    assert "Tee eingießen, 茶" in markup.done("Tee eingießen, 茶")
    assert "a\\u202eb" in markup.done("a\u202eb")


def test_how_sure_an_answer_is_follows_from_the_model() -> None:
    calibrated = markup.recognised(answer())
    assert "Percentages are calibrated" in calibrated
    assert "about 10 % of clips of other actions pass" in calibrated
    assert "do not say how often" in markup.recognised(answer(is_calibrated=False))
    without = markup.recognised(answer(threshold=None, score=None, false_alarms=None))
    assert "every clip gets a name" in without


def test_none_of_these_names_no_class_in_its_headline() -> None:
    html = markup.recognised(answer(name=None, score=0.5))
    assert "<h3>None of these</h3>" in html
    assert "its score is 0.50, and one of them begins at 1.00" in html


def test_a_segment_lies_where_it_is_in_the_video() -> None:
    html = markup.found(found())
    assert "left:25.00%;width:25.00%" in html
    assert "currentTime=5.000" in html
    assert "0:05" in html
    assert "expect false alarms" in html


def test_a_search_says_what_it_could_not_do() -> None:
    assert "None of the actions was found" in markup.found(found(segments=[]))
    assert "every stretch gets the nearest name" in markup.found(found(threshold=None))
    damaged = markup.found(found(damage=["0:01 to 0:02: gone"], is_whole=False))
    assert "0:01 to 0:02: gone" in damaged
    assert "could not be read to its end" in damaged
