"""Find: a long video, and where it shows the actions."""

from functools import partial
from typing import Any

import gradio as gr

from spm.base.errors import DataError, naming
from spm.page import markup
from spm.page.following import QUICK, Line, Steps, at_once
from spm.page.limits import PageLimits
from spm.page.recognise import NOTHING_KNOWN
from spm.page.results import Builtin, FoundStretches
from spm.page.session import Session, Sessions

_WHAT = (
    "**Search a long video.** Drop it, or take the example, and press *Find*: you see where the "
    "known actions are, and jump there."
)


def find_tab(sessions: Sessions, *, limits: PageLimits, builtin: Builtin, known: gr.HTML) -> None:
    """Draws the tab."""
    gr.Markdown(_WHAT)
    video = gr.Video(
        sources=["upload"],
        label=f"A long video (up to {limits.max_minutes:g} minutes, {limits.max_mb:g} MB)",
        height=300,
        elem_id=markup.FIND_VIDEO,
    )
    if builtin.video is not None:
        gr.Examples(
            [[str(builtin.video)]],
            video,
            example_labels=["a drawn video of half a minute"],
            label="Example",
            api_visibility="private",
        )
    search = gr.Button("Find", variant="primary", elem_id="find")
    line = Line(sessions, elem_id="find-words")
    found = gr.HTML(elem_id="found")
    line.on(
        search.click, partial(_find, limits=limits, shown=found), inputs=[video], outputs=[found]
    )
    video.upload(at_once(sessions, _claim), video, None, **QUICK)
    line.on_change(video.change, _changed, inputs=[video], output=found)
    known.change(lambda: ("", ""), None, [found, line.words], **QUICK)


def _claim(session: Session, video: str) -> None:
    session.claim(video)


def _changed(session: Session, video: str | None) -> Steps:
    """Nothing is searched before *Find* is pressed."""
    yield from ()
    return "", {}


def _find(session: Session, video: str | None, *, limits: PageLimits, shown: Any) -> Steps:
    if video is None:
        raise DataError("There is no video yet: drop one, or take the example.")
    if session.is_empty:
        raise DataError(NOTHING_KNOWN)
    adopted = session.adopt(video)
    session.check_free()
    with naming(adopted.name, of=DataError):
        result: FoundStretches = yield from session.run(
            "spm.page.jobs.find:find",
            session.folder,
            session.known.folder,
            adopted,
            limits,
        )
    return "", {shown: markup.found(result)}
