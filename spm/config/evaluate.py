"""`evaluate`: the final measurement on the test split."""

from typing import Annotated

from pydantic import Field, field_validator

from spm.config.base import Section
from spm.config.seed import Seed


class EvaluateConfig(Section):
    """Fixed episodes, the same for every model."""

    episodes: int = Field(ge=2)
    """Test episodes for each shot."""
    shots: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    """K values to measure, each once; the first is the headline."""
    query: int = Field(ge=1)
    """M, query clips per class."""
    inductive_episodes: int = Field(ge=0)
    """How many episodes, from the first on, are also measured with each query classified alone; 0:
    none; 1 is an error, because one episode has no interval. Such an episode takes about four times
    as long. For a method that is not transductive both measurements agree."""
    text_control_episodes: int = Field(ge=0)
    """How many episodes of each shot, from the first on, are also measured with other texts than
    the classes' own at test (spm.model.text_controls: zero, mean, permuted), without training; 0:
    none; 1 is an error. Only for a method that takes texts, with prompts.control none; each of the
    three takes as long as that many episodes do."""
    unknown_episodes: int = Field(ge=0)
    """How many episodes of each shot, from the first on, are also asked queries whose class is none
    of theirs, beside one of each class, every query alone (spm.episodes.open_set); 0: none; 1 is an
    error. The other numbers do not change."""
    unknown_query: int = Field(ge=1)
    """Queries of other classes in each of these episodes."""
    batch: int = Field(ge=1)
    """Episodes per batch of the head. Another number can change the last digits of a logit."""
    max_cache_mb: int | None = Field(ge=0)
    """Memory for the features of all test clips, and for what the method prepares of them, in MB;
    null: no limit. Clips that need more are encoded again for each batch of episodes, which takes
    many times as long. evaluate.json says which, as `encoded`."""
    seed: Seed
    """Seed of the episodes."""

    @field_validator("shots")
    @classmethod
    def _differ(cls, shots: list[int]) -> list[int]:
        if len(set(shots)) < len(shots):
            raise ValueError(f"{shots} names a shot twice")
        return shots

    @field_validator("inductive_episodes", "text_control_episodes", "unknown_episodes")
    @classmethod
    def _have_an_interval(cls, episodes: int) -> int:
        if episodes == 1:
            raise ValueError("1 episode has no confidence interval: take 2 or more, or 0 for none")
        return episodes
