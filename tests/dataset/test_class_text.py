"""spm.dataset.class_text: the rules as a table, and what holds for any name."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spm.base.errors import ConfigError, DataError
from spm.dataset.class_text import class_text, class_texts


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("brush_hair", "brush hair"),
        ("HandstandPushups", "handstand pushups"),
        ("BMXRiding", "bmx riding"),
        ("TaiChi", "tai chi"),
        ("Watch_TV", "watch tv"),
        ("100mRun", "100m run"),
        ("Moving [something] up", "moving something up"),
        ("Putting_[something]_behind_[something]", "putting something behind something"),
        ("tai-chi  (slow)", "tai-chi (slow)"),
        ("Poking something so it doesn't move", "poking something so it doesn't move"),
        ("moving_something_up", "moving something up"),
    ],
)
def test_rules(name, text):
    assert class_text(name) == text


@given(st.text(min_size=1))
def test_any_name_becomes_plain_words_and_a_text_stays_as_it_is(name):
    assume(re.search(r"[^\[\]_\s]", name))
    text = class_text(name)
    assert text == " ".join(text.split())
    assert not set(text) & set("_[]")
    assert text == text.lower()
    assert class_text(text) == text


@given(st.lists(st.text("abcdefghijklmnopqrstuvwxyz", min_size=1), min_size=1))
def test_all_ways_to_join_words_give_one_text(words):
    text = " ".join(words)
    assert class_text("_".join(words)) == text
    assert class_text("[" + "] [".join(words) + "]") == text
    assume(all(len(word) > 1 for word in words))  # single capitals in a row are an acronym
    assert class_text("".join(word.capitalize() for word in words)) == text


def test_a_name_without_words_is_an_error():
    with pytest.raises(DataError, match=r"'__'.*class_texts"):
        class_text("__")


def test_overrides_win_even_where_the_rules_leave_nothing():
    texts = class_texts(["YoYo", "__", "brush_hair"], overrides={"YoYo": "yoyo", "__": "nothing"})
    assert texts == {"YoYo": "yoyo", "__": "nothing", "brush_hair": "brush hair"}


def test_an_override_of_no_class_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no class 'yoyo'. Did you mean 'YoYo'\?"):
        class_texts(["YoYo", "brush_hair"], overrides={"yoyo": "yo-yo"})


def test_an_override_of_a_class_like_none_lists_the_classes():
    names = [f"walk{number:02}" for number in range(12)]
    listed = ", ".join(names[:10])
    said = rf"no class 'nope'\. There are: {listed}, … Correct the name, or remove the line$"
    with pytest.raises(ConfigError, match=said):
        class_texts(names, overrides={"nope": "text"})
