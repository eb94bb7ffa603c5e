"""How an event of the page follows its work: what it shows meanwhile, at the end, and of an error.

An event writes into a line of words, into outputs of its own, and shows a button to cancel it.
"""

import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from spm.base.errors import InputError
from spm.base.unwritable import explained
from spm.page import markup
from spm.page.results import Progress
from spm.page.session import Session, Sessions
from spm.page.work import Work

QUICK: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Of an event that takes no time."""
Steps = Generator[Progress, None, tuple[str, dict[Any, Any]]]
"""Yields how far the work is; returns the words at the end, as HTML, and component -> value."""
_POLL_SECONDS = 0.05


@dataclass(eq=False)
class _Event:
    """An event of a line."""

    window: str | None
    values: tuple[Any, ...]
    """Of its inputs."""
    other: Work | None = None
    """What the window was at work on when the event began: not the event's own."""
    is_stale: bool = False
    """Whether the inputs have other values by now: then the event shows nothing more."""


class Line:
    """A tab's line of words, and its button to cancel."""

    def __init__(self, sessions: Sessions, *, elem_id: str) -> None:
        """Draws both."""
        self._sessions = sessions
        self._running: list[_Event] = []
        """Those of all windows."""
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
        resets: Any = None,
    ) -> None:
        """Runs steps(session, *values of inputs) at the trigger, as `button.click`.

        An InputError or OSError that it raises becomes the line's words; then nothing else changes.
        resets: a component that is None in the end, after an error too.
        """
        end = {} if resets is None else {resets: None}

        def event(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
            yield from self._updates(_Event(request.session_hash, values), steps, end)

        self._bind(trigger, event, inputs, [*outputs, *end])

    def on_change(
        self,
        trigger: Callable[..., Any],
        steps: Callable[..., Steps],
        *,
        inputs: list[Any],
        output: Any,
    ) -> None:
        """As `on`, where the inputs have new values, and the output still is of the old ones.

        The output is emptied at once. What this window does in this line for the old values is
        cancelled, and shows nothing more.
        """
        end = {output: ""}

        def event(request: gr.Request, *values: Any) -> Iterator[dict[Any, Any]]:
            mine = _Event(request.session_hash, values)
            for each in self._others(mine):
                each.is_stale |= each.values != values
            yield {self.words: ""} | end
            yield from self._updates(mine, steps, end)

        # gradio's own way with changes would hold this one back until the last one has ended
        self._bind(trigger, event, inputs, [output], trigger_mode="multiple")

    def _bind(
        self, trigger: Any, event: Any, inputs: list[Any], outputs: list[Any], **more: Any
    ) -> None:
        trigger(
            event,
            inputs,
            [self.words, self.cancel, *outputs],
            show_progress="hidden",
            concurrency_limit=None,
            api_visibility="private",
            **more,
        )

    def _updates(
        self, mine: _Event, steps: Callable[..., Steps], end: dict[Any, Any]
    ) -> Iterator[dict[Any, Any]]:
        """What the event shows. end: component -> its value at the end, if steps say no other."""
        changed: dict[Any, Any] = {}
        try:
            work = self._run(mine, steps)
            while True:
                now = {self.words: markup.working(next(work)), self.cancel: gr.update(visible=True)}
                yield self._unless_stale(mine, now)
        except StopIteration as stop:
            words, changed = stop.value
        except (InputError, OSError) as error:
            words = markup.problem(_words_of(error))
        yield self._unless_stale(mine, {self.words: words} | self._no_cancel(mine) | end | changed)

    def _run(self, mine: _Event, steps: Callable[..., Steps]) -> Steps:
        session = self._sessions.of(mine.window)
        mine.other = session.work
        self._running.append(mine)
        try:
            self._end_stale(mine, session)
            if mine.is_stale:
                return "", {}
            return (yield from steps(session, *mine.values))
        finally:
            self._running.remove(mine)

    def _end_stale(self, mine: _Event, session: Session) -> None:
        """Waits until they have ended. One that is stale by now itself waits for none."""
        while not mine.is_stale and (stale := [x for x in self._others(mine) if x.is_stale]):
            if session.work not in [each.other for each in stale]:
                session.cancel()
            time.sleep(_POLL_SECONDS)

    def _others(self, mine: _Event) -> list[_Event]:
        """Other events that run in the same window."""
        return [x for x in [*self._running] if x is not mine and x.window == mine.window]

    def _no_cancel(self, mine: _Event) -> dict[Any, Any]:
        """An event that was refused leaves the button to the one that runs."""
        return {} if self._others(mine) else {self.cancel: gr.update(visible=False)}

    def _unless_stale(self, mine: _Event, shown: dict[Any, Any]) -> dict[Any, Any]:
        return {self.words: gr.skip()} if mine.is_stale else shown


def at_once(sessions: Sessions, change: Callable[..., Any]) -> Callable[..., Any]:
    """An event's function that calls change(session, *values), which takes no time."""

    def event(request: gr.Request, *values: Any) -> Any:
        try:
            return change(sessions.of(request.session_hash), *values)
        except (InputError, OSError) as error:
            raise gr.Error(_words_of(error), print_exception=False) from None

    return event


def knows(session: Session) -> str:
    """What the window's recognizer is and knows, as HTML."""
    return markup.knows(session.known, is_empty=session.is_empty, waiting=[*session.waiting])


def _words_of(error: InputError | OSError) -> str:
    """A sentence. Of an OSError without an explanation, the terminal shows the traceback."""
    if isinstance(error, InputError):
        return str(error)
    if words := explained(error):
        return words
    traceback.print_exception(error, file=sys.stderr)
    return (
        f"A file could not be read or written ({error.strerror or type(error).__name__}): the "
        "terminal in which the page was started says more."
    )
