"""Starts the ranks of a stage that can use several devices (docs/scaling.md).

    runtime.devices: 1    the stage's own process does the work
    runtime.devices: N    N processes on this machine do the work, and the stage waits for them

If RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT are set, as by torchrun, WORLD_SIZE
processes run the stage, and each of them starts `runtime.devices` ranks.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import ProcessExitedException, spawn

from spm.base.command import print_anything
from spm.base.errors import InputError
from spm.config.runtime import RuntimeConfig
from spm.episodes.device import pick_device
from spm.episodes.ranks import ALONE, Ranks, joined

Work = Callable[[Ranks, torch.device], None]

_PR_SET_PDEATHSIG = 1


def count_ranks(runtime: RuntimeConfig) -> int:
    """The number of ranks on all machines."""
    return _from_outside("WORLD_SIZE", 1) * runtime.devices


def launch(work: Work, runtime: RuntimeConfig) -> None:
    """Runs `work`, which must be picklable, in every rank of this machine.

    Raises ConfigError for GPUs that torch does not see. A rank that fails ends all ranks: its
    exception is raised here; if it was killed or exited, this process exits and names the rank.
    """
    _device(runtime, local=runtime.devices - 1)
    if runtime.devices == 1:
        _run(work, runtime, local=0)
        return
    with _rendezvous() as address:
        try:
            spawn(  # type: ignore[no-untyped-call]
                _process, args=(work, runtime, address), nprocs=runtime.devices
            )
        except ProcessExitedException as error:
            how = f"was ended by {error.signal_name}" if error.signal_name else "gave up"
            sys.exit(
                f"rank {_number(runtime, local=error.error_index)} of {count_ranks(runtime)} "
                f"(process {error.error_pid}) {how}, and the others were ended with it; what it "
                "said is above. A training goes on from its last checkpoint when it is run again"
            )


def _process(local: int, work: Work, runtime: RuntimeConfig, address: dict[str, str]) -> None:
    """Runs one rank in a process of its own, which the kernel kills when the stage ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.update(address)
    print_anything()
    torch.set_num_threads(max(1, torch.get_num_threads() // runtime.devices))
    try:
        _run(work, runtime, local=local)
    except InputError as error:
        sys.exit(f"rank {_number(runtime, local=local)}: error: {error}")


def _run(work: Work, runtime: RuntimeConfig, *, local: int) -> None:
    device, count = _device(runtime, local=local), count_ranks(runtime)
    if count == 1:
        work(ALONE, device)
        return
    with joined(_number(runtime, local=local), count=count, device=device) as ranks:
        work(ranks, device)


def _number(runtime: RuntimeConfig, *, local: int) -> int:
    return _from_outside("RANK", 0) * runtime.devices + local


def _device(runtime: RuntimeConfig, *, local: int) -> torch.device:
    number = _from_outside("LOCAL_RANK", 0) * runtime.devices + local
    return pick_device(runtime.device, number=number)


@contextmanager
def _rendezvous() -> Iterator[dict[str, str]]:
    """The environment variables by which the ranks find each other; empty if torchrun set them."""
    if _from_outside("WORLD_SIZE", 1) > 1:
        yield {}
        return
    # torch documents TCPStore in this module, but does not export it
    store = dist.TCPStore(  # type: ignore[attr-defined]
        "127.0.0.1", 0, is_master=True, wait_for_workers=False
    )
    port = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(store.port)}
    yield port | {"TORCHELASTIC_USE_AGENT_STORE": "True"}  # ranks connect to `store`, open none


def _from_outside(name: str, default: int) -> int:
    return int(os.environ.get(name, default))
