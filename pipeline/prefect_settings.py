"""How Prefect runs here: on this machine, quietly, with nothing sent anywhere.

Prefect reads its settings when it is imported, so `prepare` comes before. What the user has set,
`PREFECT_API_URL` of a server that runs for instance, is left as it is.
"""

import os
from pathlib import Path

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    # on a busy machine the temporary server takes longer than the default of 20 s
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
}


def prepare(home: Path) -> None:
    """Settings for the flows of this process; Prefect keeps its database in the folder `home`."""
    os.environ.setdefault("PREFECT_HOME", str(home))
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
