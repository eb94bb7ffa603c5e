"""Keep: saving what was taught as a zip, and loading one."""

from functools import partial
from typing import Any

import gradio as gr

from spm.base.errors import DataError, naming
from spm.page import markup
from spm.page.following import QUICK, Line, Steps, knows
from spm.page.limits import PageLimits
from spm.page.recognise import NOTHING_KNOWN
from spm.page.session import Session, Sessions

_WHAT = (
    "**Take it with you.** What was taught here ends with this window. *Save* makes a zip, which "
    "this page loads again; unpacked, `clip-spm recognize` takes it too."
)


def keep_tab(sessions: Sessions, *, limits: PageLimits, known: gr.HTML) -> None:
    """Draws the tab."""
    gr.Markdown(_WHAT)
    line = Line(sessions, elem_id="keep-words")
    with gr.Row():
        with gr.Column(min_width=280):
            save = gr.Button("Save what it knows", variant="primary", elem_id="save")
            zipped = gr.DownloadButton("Download recognizer.zip", visible=False, elem_id="download")
        with gr.Column(min_width=280):
            given = gr.File(
                file_types=[".zip"],
                label=f"Load a saved recognizer: a zip of up to {limits.max_mb:g} MB",
                height=150,
                elem_id="load",
            )
    line.on(save.click, partial(_save, zipped=zipped), inputs=[], outputs=[zipped])
    line.on(
        given.upload,
        partial(_load, limits=limits, given=given, known=known),
        inputs=[given],
        outputs=[given, known],
    )
    known.change(lambda: gr.update(visible=False), None, zipped, **QUICK)


def _save(session: Session, *, zipped: Any) -> Steps:
    if session.is_empty:
        raise DataError(NOTHING_KNOWN)
    path = session.new_folder() / "recognizer.zip"
    path.parent.mkdir()
    yield from session.run("spm.page.jobs.keep:save", session.known.folder, path)
    words = "Saved. Download it: it holds the model and what it knows, and none of your clips."
    return markup.done(words), {zipped: gr.update(value=str(path), visible=True)}


def _load(session: Session, uploaded: str, *, limits: PageLimits, given: Any, known: Any) -> Steps:
    path, new = session.folder / session.adopt(uploaded), session.new_folder()
    session.check_free()
    with naming(path.name, of=DataError):
        session.use((yield from session.run("spm.page.jobs.keep:load", path, new, limits)))
    words = f"Loaded {path.name}. Try it under Recognise."
    return markup.done(words), {known: knows(session), given: None}
