"""`prompts`: the sentences that a class name is put into (Eq. 2, Table 6)."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from spm.config.base import Section

PLACEHOLDER = "[CLS]"
TextControl = Literal["none", "zero", "mean", "permuted"]
CONTROLS: tuple[TextControl, ...] = ("zero", "mean", "permuted")


class PromptsConfig(Section):
    """Templates and how many of them are used."""

    templates: list[str] = Field(min_length=1)
    """Each holds [CLS] once, where the class text goes."""
    num_templates: int = Field(ge=1)
    """R: the first R templates are used."""
    text_ensemble: Literal["sum", "mean"]
    """How the R texts of a class become one: Eq. 2 sums their features."""
    control: TextControl
    """The texts that the method gets, in training, validation and test: `none`, the paper's: the
    classes' own. Controls, for a method that takes texts: `zero`: all-zero vectors; `mean`: the
    mean text of the split's classes for each of them; `permuted`: another class's text for each
    class, of the same split. prompts.h5 has the true texts whatever the control."""

    @field_validator("templates")
    @classmethod
    def _have_placeholder(cls, templates: list[str]) -> list[str]:
        for template in templates:
            if template.count(PLACEHOLDER) != 1:
                raise ValueError(f"{template!r} must hold {PLACEHOLDER} once")
        return templates

    @model_validator(mode="after")
    def _enough(self) -> "PromptsConfig":
        if self.num_templates > len(self.templates):
            raise ValueError(
                f"num_templates is {self.num_templates}, but only {len(self.templates)} "
                "templates are listed"
            )
        return self
