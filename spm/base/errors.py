"""The one family of errors that a user can mend: bad parameters, bad data, a missing file.

A stage prints these without a traceback. Each message says what came, what is allowed and what to
do next.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """Parameters, data or files that the user gave cannot be used."""


class ConfigError(InputError):
    """A parameter has an unknown name, a wrong type or a value that is not allowed."""


class DataError(InputError):
    """A clip, a class or a file of the data set cannot be used."""


class TransientError(DataError):
    """A clip could not be read here and now; the fault may be this machine's and not the file's."""


class StorageError(InputError):
    """A folder cannot be written: it is full or read-only, or belongs to another user."""


@contextmanager
def naming(what: str, *, of: type[InputError]) -> Iterator[None]:
    """Begins the messages of the block's errors `of` this kind with `what` they are about."""
    try:
        yield
    except of as error:
        raise type(error)(f"{what}: {error}") from error
