"""The seeds of params.yaml, which all have one range."""

from typing import Annotated

from pydantic import Field

SEEDS = 4_294_967_296
Seed = Annotated[int, Field(ge=0, lt=SEEDS)]
"""0 to 2³² - 1, which torch, numpy and UMAP all take, and torch with what training adds to it
(seed * 1,000,003 + the episode's number)."""
