"""Runs a command that does not outlive its parent process: `python -m pipeline.machine.supervise
COMMAND …`.

Standard input is a pipe that the parent process holds. When the pipe closes, because the parent
closed it or was killed, the command is killed with all processes that it has started.
"""

import os
import signal
import subprocess
import sys
import threading


def main() -> None:
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)
    threading.Thread(target=_end_with_parent, args=(command.pid,), daemon=True).start()
    sys.exit(min(abs(command.wait()), 255))


def _end_with_parent(group: int) -> None:
    while os.read(0, 1):
        pass
    os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
