"""`report`: what the page shows."""

from pydantic import Field

from spm.config.base import Section


class ReportConfig(Section):
    """Which clips the alignment pictures show."""

    queries: int = Field(ge=0)
    """Query clips shown with their alignment."""
    seed: int = Field(ge=0, lt=2**32)
    """Seed of the episode that the clips come from."""
