"""Teach: dropping or recording the clips of a class, seeing their frames, naming it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from spm.base.errors import DataError
from spm.page import markup
from spm.page.camera import CAMERA, check_recording
from spm.page.following import QUICK, Line, Steps, at_once, knows
from spm.page.limits import PageLimits
from spm.page.names import class_name
from spm.page.results import Looked
from spm.page.session import Session, Sessions
from spm.page.work import Follow

_WHAT = (
    "**Show it an action.** Drop one to five short clips of it, each trimmed to the action, or "
    "record them with the camera. Name the action, and press *Teach*."
)


def teach_tab(sessions: Sessions, *, limits: PageLimits, known: gr.HTML) -> None:
    """Draws the tab. known: shows what the recognizer knows."""
    gr.Markdown(_WHAT)
    with gr.Row():
        with gr.Column(min_width=280):
            files = gr.File(
                file_count="multiple",
                label=f"Clips of one action (up to {limits.max_seconds:g} s, {limits.max_mb:g} MB)",
                height=150,
                elem_id="teach-files",
            )
            with gr.Accordion("Or record with the camera", open=False, elem_id="teach-record"):
                camera = gr.Video(
                    sources=["webcam"],
                    **CAMERA,
                    label="Camera",
                    elem_id="teach-camera",
                )
            name = gr.Textbox(
                label="Name of the action", placeholder="pouring tea", elem_id="teach-name"
            )
            with gr.Row():
                teach = gr.Button("Teach", variant="primary", min_width=110, elem_id="teach")
                empty = gr.Button("Discard the clips", min_width=110)
        with gr.Column(min_width=280):
            line = Line(sessions, elem_id="teach-words")
            tray = gr.HTML(markup.tray([]), elem_id="tray")
    with gr.Accordion("Forget an action, or start from nothing", open=False), gr.Row():
        which = gr.Dropdown(label="Action", choices=[], min_width=200, elem_id="forget-which")
        forget = gr.Button("Forget it", min_width=110)
        nothing = gr.Button("Start from nothing", min_width=110)

    take = partial(_take, limits=limits, tray=tray)
    for source, event in ((files, files.upload), (camera, camera.stop_recording)):
        line.on(event, take, inputs=[source], outputs=[tray], resets=source)
    learn = partial(_teach, limits=limits, tray=tray, name=name, known=known)
    line.on(teach.click, learn, inputs=[name], outputs=[tray, name, known])
    line.on(forget.click, partial(_forget, known=known), inputs=[which], outputs=[known])
    empty.click(at_once(sessions, _empty), None, [tray, line.words], **QUICK)
    nothing.click(at_once(sessions, _nothing), None, [known, line.words], **QUICK)
    known.change(at_once(sessions, _choices), None, which, **QUICK)


def _take(
    session: Session,
    uploaded: str | Sequence[str] | None,
    *,
    limits: PageLimits,
    tray: Any,
) -> Steps:
    """Looks at the clips, and keeps those that can be read for the next class."""
    if isinstance(uploaded, str):
        recording = f"recording {len(session.tray) + 1}{Path(uploaded).suffix}"
        clips = [session.adopt(uploaded, name=recording)]
        check_recording(session.folder / clips[0])
    else:
        clips = [session.adopt(path) for path in uploaded or ()]
    if len(session.tray) + len(clips) > limits.max_clips:
        words = (
            f"{len(clips)} clips more would be {len(session.tray) + len(clips)}, and an action is "
            f"taught with at most {limits.max_clips}: drop fewer. Five tell most."
        )
        raise DataError(words)
    found: list[Looked] = yield from session.run(
        "spm.page.jobs.look:look", session.folder, session.known.folder, clips, limits
    )
    session.tray += [each for each in found if not each.problem]
    bad = [each for each in found if each.problem]
    words = markup.not_taken(bad) or markup.done("Now name the action, and press Teach.")
    return words, {tray: markup.tray(session.tray)}


def _teach(
    session: Session, typed: str, *, limits: PageLimits, tray: Any, name: Any, known: Any
) -> Steps:
    """Teaches the class of the clips that were taken; it replaces one of the same name."""
    called, clips = class_name(typed or ""), [each.path for each in session.tray]
    if not clips:
        raise DataError("There are no clips yet: drop or record one to five of the action first.")
    was = called in session.known.examples and not session.is_empty
    if not session.is_empty and not was and len(session.known.examples) >= limits.max_classes:
        raise DataError(f"It knows {limits.max_classes} actions, and takes no more: forget one.")
    yield from _learn(session, called, clips)
    session.tray = []
    words = f"Taught “{called}” with {len(clips)} clip{'s' * (len(clips) > 1)}" + (
        "; what it had learned under that name before is replaced." if was else "."
    )
    if session.is_empty:
        words += " Teach the next action: it needs two to choose between."
    else:
        words += " Try it under Recognise, or teach the next action."
    return markup.done(words), {tray: markup.tray([]), name: "", known: knows(session)}


def _learn(session: Session, called: str, clips: list[Path]) -> Follow:
    waiting = session.waiting | {called: clips}
    if session.is_empty and len(waiting) < 2:
        session.waiting = waiting
        return
    job = "spm.page.jobs.teach:begin" if session.is_empty else "spm.page.jobs.teach:add"
    shown = waiting if session.is_empty else {called: clips}
    new, before = session.new_folder(), session.known.folder
    session.use((yield from session.run(job, session.folder, before, shown, new)))


def _forget(session: Session, name: str | None, *, known: Any) -> Steps:
    if session.is_empty or name not in session.known.examples:
        raise DataError("Choose the action that it should forget.")
    if len(session.known.examples) == 2:
        raise DataError("It needs two actions to choose between: teach another one first.")
    new, before = session.new_folder(), session.known.folder
    session.use((yield from session.run("spm.page.jobs.teach:remove", before, name, new)))
    return markup.done(f"It has forgotten “{name}”."), {known: knows(session)}


def _empty(session: Session) -> tuple[str, str]:
    session.tray = []
    return markup.tray([]), ""


def _nothing(session: Session) -> tuple[str, str]:
    session.check_free()
    session.waiting, session.is_empty = {}, True
    return knows(session), markup.done(
        "It knows nothing now, and keeps its model. Teach two actions."
    )


def _choices(session: Session) -> Any:
    names = [] if session.is_empty else [*session.known.examples]
    return gr.update(choices=names, value=None)
