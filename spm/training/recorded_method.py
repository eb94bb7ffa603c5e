"""The method's part of a training pass as a CUDA graph: one launch in place of thousands.

    clips ─ tower ─ features ─┐ copied        the graph, forward and backward
                              └─→ features ─ method ─ losses ─ gradients ─┐
    gradients of the tower ─←── gradient of the features ─────────────────┘

A method is about two thousand small kernels. Starting each of them takes the CPU longer than the
GPU takes to run all, and the GPU, which has done the tower meanwhile, waits. A graph holds the
kernels of one pass, recorded, and runs the same kernels on the values of the next episodes.

What is recorded is what a pass does on the GPU alone. A method that reads a value back, to decide
by it or to compute on the CPU, cannot be recorded; the first pass, which runs as usual, tells.
"""

import gc
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from spm.base.errors import ConfigError
from spm.training.losses import EncodedEpisodes

Compute = Callable[[EncodedEpisodes], tuple[Tensor, Tensor]]
"""Encoded episodes -> (objective, rows of the history)."""


@dataclass(frozen=True)
class _Results:
    rows: Tensor
    gradients: Sequence[Tensor | None]
    """Of the features, if they have one, and of the parameters. None: not reached."""


@dataclass(frozen=True)
class _Recorded:
    inputs: EncodedEpisodes
    results: _Results
    replay: Callable[[], object]


class GraphMemory:
    """What the graphs of a training share, since only one runs at a time: memory and a stream."""

    @cached_property
    def pool(self) -> Any:
        return torch.cuda.graph_pool_handle()

    @cached_property
    def stream(self) -> torch.cuda.Stream:
        return torch.cuda.Stream()  # type: ignore[no-untyped-call]


@dataclass
class RecordedMethod:
    """Runs passes of the method. The first of a shape runs as usual, the second is recorded."""

    compute: Compute
    parameters: Sequence[nn.Parameter]
    """Those of the method that are trained."""
    told: Callable[[str], object]
    """Is told, once, that the method cannot be recorded."""
    _shapes: dict[tuple[torch.Size, ...], _Recorded | None] = field(default_factory=dict)
    """None: to be recorded."""
    _waits: bool = False
    _memory: GraphMemory = field(default_factory=GraphMemory)

    def __call__(self, encoded: EncodedEpisodes) -> Tensor:
        """Adds the gradients of E episodes to those of the parameters, the tower's included.

        Returns the rows of the history [E, columns], which the next pass overwrites. Raises
        ConfigError for a method whose recording fails.
        """
        features = encoded.features
        cut_off = features.detach().requires_grad_(features.requires_grad)
        results = self._results(encoded._replace(features=cut_off))
        gradients = list(results.gradients)
        if features.requires_grad:
            torch.autograd.backward(features, gradients.pop(0))
        _add(gradients, self.parameters)
        return results.rows

    def _results(self, inputs: EncodedEpisodes) -> _Results:
        if self._waits:
            return self._run(inputs)
        shape = tuple(each.shape for each in inputs if each is not None)
        if shape not in self._shapes:
            self._shapes[shape] = None
            return self._first(inputs)
        recorded = self._shapes[shape] = self._shapes[shape] or self._record(inputs)
        for place, value in zip(recorded.inputs, inputs, strict=True):
            if place is not None and value is not None:
                place.detach().copy_(value)
        recorded.replay()
        return recorded.results

    def _run(self, inputs: EncodedEpisodes) -> _Results:
        objective, rows = self.compute(inputs)
        wanted = [inputs.features] * inputs.features.requires_grad + list(self.parameters)
        return _Results(rows, torch.autograd.grad(objective, wanted, allow_unused=True))

    def _first(self, inputs: EncodedEpisodes) -> _Results:
        with noticed_waits() as waits:
            results = self._run(inputs)
        if waits:
            self._waits = True
            self.told(
                "train: the method reads values back from the GPU, so its kernels are started one "
                f"by one and not as a CUDA graph ({waits[0]})"
            )
        return results

    def _record(self, inputs: EncodedEpisodes) -> _Recorded:
        copies = [None if each is None else each.detach().clone() for each in inputs]
        own = EncodedEpisodes(*copies)  # type: ignore[arg-type]
        own.features.requires_grad_(inputs.features.requires_grad)
        try:
            results, replay = capture(lambda: self._run(own), self._memory)
        except torch.OutOfMemoryError:  # a RuntimeError, of which the recording is not the reason
            raise
        except RuntimeError as error:
            reason = error.__context__ or error  # torch raises anew where it ends the recording
            raise ConfigError(
                f"the method's training pass cannot be recorded as a CUDA graph: {reason}\n"
                "set runtime.cuda_graph to false"
            ) from error
        return _Recorded(own, results, replay)


def capture(
    run: Callable[[], _Results], memory: GraphMemory
) -> tuple[_Results, Callable[[], object]]:
    """The tensors that `run` makes, and what computes them anew in the same memory.

    Other threads, as the one that pins the loader's memory, may go on meanwhile. A recording that
    fails leaves torch's random numbers and memory unfit for more work in this process.
    """
    gc.collect()  # a graph that is freed during a recording spoils it
    graph = torch.cuda.CUDAGraph()
    recording = torch.cuda.graph(
        graph, pool=memory.pool, stream=memory.stream, capture_error_mode="thread_local"
    )
    with torch.cuda.stream(memory.stream), recording:  # `recording` leaves it only if it succeeds
        results = run()
    return results, graph.replay


@contextmanager
def noticed_waits() -> Iterator[list[str]]:
    """Collects where the CPU waits for the GPU inside the block, and what torch says of it."""
    waits: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        before = torch.cuda.get_sync_debug_mode()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield waits
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for each in caught:
        message = str(each.message)
        if "called a synchronizing" in message:
            waits.append(f"{_place(each)}: {message.splitlines()[0]}")
        elif "prototype feature" not in message:  # torch's warning of the mode itself
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def _place(warning: warnings.WarningMessage) -> str:
    if "autograd" in Path(warning.filename).parts:  # all of it is one call from Python
        return "in the backward pass"
    return f"{warning.filename}, line {warning.lineno}"


def _add(gradients: Sequence[Tensor | None], parameters: Sequence[nn.Parameter]) -> None:
    """Adds gradients to those that the parameters have, if any."""
    sums: list[Tensor] = []
    added: list[Tensor] = []
    new: list[Tensor] = []
    for gradient, parameter in zip(gradients, parameters, strict=True):
        if gradient is None:
            continue
        if parameter.grad is None:  # its own memory: the next pass overwrites the gradient
            parameter.grad = torch.empty_like(parameter)
            new.append(parameter.grad)
        sums.append(parameter.grad)
        added.append(gradient)
    if new:
        torch._foreach_zero_(new)
    if sums:
        torch._foreach_add_(sums, added)
