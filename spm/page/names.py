"""The name of a class, as a user types it."""

from spm.base.errors import DataError
from spm.dataset.names import composed

_LONGEST = 120


def class_name(typed: str) -> str:
    """The name, its spaces single. Raises DataError for one that names nothing."""
    name = composed(" ".join(typed.split()))
    if not any(each.isalnum() for each in name):
        raise DataError("Give the action a name first, as “pouring tea”.")
    check_name(name)
    return name


def check_name(name: str) -> None:
    """Raises DataError for a name that no line of the page could show."""
    if len(name) > _LONGEST or not name.isprintable():
        raise DataError(
            f"Give the action a name of at most {_LONGEST} letters, and no other signs."
        )
