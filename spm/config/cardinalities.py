"""The sizes of the frame tuples that a method compares: pairs, triples, …"""

from typing import Annotated

from pydantic import AfterValidator, Field


def _differ(sizes: list[int]) -> list[int]:
    if len(set(sizes)) < len(sizes):
        raise ValueError(f"{sizes} holds a size twice")
    return sizes


Cardinalities = Annotated[
    list[Annotated[int, Field(ge=1)]], Field(min_length=1), AfterValidator(_differ)
]
"""Frames in a tuple, for each kind of tuple: [2, 3] is pairs and triples."""


def named(title: str, cardinalities: list[int], *, usual: list[int]) -> str:
    """`title`, followed by the sizes if these are not the usual ones: TRX (tuples of 2)."""
    if cardinalities == usual:
        return title
    return f"{title} (tuples of {', '.join(map(str, cardinalities))})"
