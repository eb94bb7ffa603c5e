"""`report`: what the page shows."""

from pydantic import Field

from spm.config.base import Section
from spm.config.seed import Seed


class ReportConfig(Section):
    """Which clips the alignment pictures show."""

    queries: int = Field(ge=0)
    """Query clips shown with their alignment."""
    seed: Seed
    """Seed of the episode that the clips come from."""
