"""The one family of errors that a user can mend: bad parameters, bad data, a missing file.

A stage prints these without a traceback. Each says what came, what is allowed, what to do next.
"""


class InputError(ValueError):
    """What was given cannot be used."""


class ConfigError(InputError):
    """A parameter has an unknown name, a wrong type or a value that is not allowed."""


class DataError(InputError):
    """A clip, a class or a file of the data set cannot be used."""


class TransientError(DataError):
    """A clip could not be read here and now: this machine may be at fault, and not the file."""


class StorageError(InputError):
    """A folder cannot be written: it is full, read-only or somebody else's."""
