"""Recognise: one clip, its answer, and how it was compared."""

from functools import partial
from typing import Any

import gradio as gr

from spm.base.errors import DataError, naming
from spm.page import markup
from spm.page.camera import CAMERA, check_recording
from spm.page.following import QUICK, Line, Steps
from spm.page.limits import PageLimits
from spm.page.results import Builtin, Recognised
from spm.page.session import Session, Sessions

_WHAT = (
    "**Try a clip.** Drop one, record one, or click an example: it is compared with the actions "
    "that are known, and the answer comes by itself."
)
NOTHING_KNOWN = (
    "It knows no two actions yet: teach it under Teach, or load a recognizer under Keep."
)


def recognise_tab(
    sessions: Sessions, *, limits: PageLimits, builtin: Builtin, known: gr.HTML
) -> None:
    """Draws the tab."""
    gr.Markdown(_WHAT)
    with gr.Row():
        with gr.Column(min_width=280):
            clip = gr.Video(
                sources=["upload", "webcam"],
                **CAMERA,
                label=f"One clip of one action (up to {limits.max_seconds:g} s)",
                height=300,
                elem_id="recognise-clip",
            )
            if builtin.clips:
                gr.Examples(
                    [[str(path)] for path in builtin.clips.values()],
                    clip,
                    example_labels=[*builtin.clips],
                    label="Example clips, which it was not shown",
                    api_visibility="private",
                )
            again = gr.Button("Ask again", min_width=110)
        with gr.Column(min_width=280):
            line = Line(sessions, elem_id="recognise-words")
            answer = gr.HTML(elem_id="answer")
    ask = partial(_ask, limits=limits, examples=builtin.folders, shown=answer)
    line.on_change(clip.change, ask, inputs=[clip], output=answer)
    line.on(again.click, ask, inputs=[clip], outputs=[answer])
    known.change(lambda: ("", ""), None, [answer, line.words], **QUICK)


def _ask(
    session: Session, clip: str | None, *, limits: PageLimits, examples: Any, shown: Any
) -> Steps:
    if clip is None:
        return "", {shown: ""}
    adopted = session.adopt(clip)  # so that it goes with the window, also where it is refused
    if session.is_empty:
        raise DataError(NOTHING_KNOWN)
    session.check_free()
    check_recording(session.folder / adopted)
    held = [session.folder, *examples]
    with naming(adopted.name, of=DataError):
        result: Recognised = yield from session.run(
            "spm.page.jobs.recognise:recognise",
            session.folder,
            session.known.folder,
            adopted,
            held,
            limits,
        )
    return "", {shown: markup.recognised(result)}
