"""How an event of the page follows its work: what it shows meanwhile, at the end, and of an error.

An event writes into a line of words, into outputs of its own, and shows a button to cancel it.
"""

from collections.abc import Callable, Generator, Iterator
from typing import Any

import gradio as gr

from spm.base.errors import InputError
from spm.page import markup
from spm.page.results import Progress
from spm.page.session import Session, Sessions

QUICK: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Of an event that takes no time."""
Steps = Generator[Progress, None, tuple[str, dict[Any, Any]]]
"""Yields how far the work is; returns the words at the end, as HTML, and component -> value."""


class Line:
    """A tab's line of words, and its button to cancel."""

    def __init__(self, sessions: Sessions, *, elem_id: str) -> None:
        """Draws both."""
        self._sessions = sessions
        self.words = gr.HTML(elem_id=elem_id)
        self.cancel = gr.Button("Cancel", visible=False, size="sm", elem_classes="cancel")
        self.cancel.click(at_once(sessions, Session.cancel), queue=False, **QUICK)

    def on(
        self,
        trigger: Callable[..., Any],
        steps: Callable[..., Steps],
        *,
        inputs: list[Any],
        outputs: list[Any],
    ) -> Any:
        """Runs steps(session, *values of inputs) at the trigger, as `button.click`.

        An InputError that it raises becomes the line's words; then nothing else changes.
        """
        return trigger(
            self._following(steps),
            inputs,
            [self.words, self.cancel, *outputs],
            show_progress="hidden",
            concurrency_limit=None,
            api_visibility="private",
        )

    def _following(self, steps: Callable[..., Steps]) -> Callable[..., Iterator[dict[Any, Any]]]:
        def event(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
            changed: dict[Any, Any] = {}
            try:
                work = steps(self._sessions.of(request.session_hash), *values)
                while True:
                    yield self._shown(markup.working(next(work)), at_work=True)
            except StopIteration as end:
                words, changed = end.value
            except InputError as error:
                words = markup.problem(str(error))
            yield self._shown(words, at_work=False) | changed

        return event

    def _shown(self, words: str, *, at_work: bool) -> dict[Any, Any]:
        return {self.words: words, self.cancel: gr.update(visible=at_work)}


def at_once(sessions: Sessions, change: Callable[..., Any]) -> Callable[..., Any]:
    """An event's function that calls change(session, *values), which takes no time."""

    def event(request: gr.Request, *values: Any) -> Any:
        try:
            return change(sessions.of(request.session_hash), *values)
        except InputError as error:
            raise gr.Error(str(error), print_exception=False) from None

    return event


def knows(session: Session) -> str:
    """What the window's recognizer is and knows, as HTML."""
    return markup.knows(session.known, is_empty=session.is_empty, waiting=[*session.waiting])
