"""`evaluate`: the final measurement on the test split."""

from typing import Annotated

from pydantic import Field, field_validator

from spm.config.base import Section


class EvaluateConfig(Section):
    """Fixed episodes, the same for every model."""

    episodes: int = Field(ge=2)
    """Of each shot."""
    shots: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    """K values to measure, each once; the first is the headline."""
    query: int = Field(ge=1)
    """M, query clips per class."""
    inductive_episodes: int = Field(ge=0)
    """Of the episodes, the first so many are measured also with each query as if it were alone;
    0: none; not 1, of which there is no interval. An episode takes about four times as long so.
    Without PADM the two are the same."""
    batch: int = Field(ge=1)
    """Episodes per batch of the head. It can change the last digits of a logit."""
    seed: int = Field(ge=0)
    """Of the episodes."""

    @field_validator("shots")
    @classmethod
    def _differ(cls, shots: list[int]) -> list[int]:
        if len(set(shots)) < len(shots):
            raise ValueError(f"{shots} names a shot twice")
        return shots

    @field_validator("inductive_episodes")
    @classmethod
    def _have_an_interval(cls, episodes: int) -> int:
        if episodes == 1:
            raise ValueError("1 episode has no confidence interval: take 2 or more, or 0 for none")
        return episodes
