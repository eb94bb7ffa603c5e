"""`episode`: the size of a training episode."""

from pydantic import Field

from spm.config.base import Section


class EpisodeConfig(Section):
    """N-way K-shot with M queries per class."""

    way: int = Field(ge=2)
    """N, classes of an episode, also at test."""
    shot: int = Field(ge=1)
    """K, support clips per class."""
    query: int = Field(ge=1)
    """M, query clips per class."""
