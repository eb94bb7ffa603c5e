"""PG, the prompt generator (Eq. 13): makes a text feature for a clip of unknown class."""

from typing import Literal

from torch import Tensor, nn

from spm.nn.transformer import FeedForward


class PromptGenerator(nn.Module):
    """Υ( mean of the supports' class texts ⊙ mean over time of the clip's frames )."""

    def __init__(
        self,
        channels: int,
        *,
        hidden_dim: int,
        dropout: float,
        visual_mean: Literal["time", "time+channels"],
    ) -> None:
        super().__init__()
        self.visual_mean = visual_mean
        self.layers = FeedForward(channels, hidden_dim=hidden_dim, dropout=dropout)

    def forward(self, support_text: Tensor, frames: Tensor) -> Tensor:
        """support_text [..., S, 1, C], frames [..., clips, T, C] -> prompts [..., clips, 1, C].

        The mean of texts runs over supports: a class with more supports has more weight.
        """
        text = support_text.mean(dim=-3, keepdim=True)
        visual = frames.mean(dim=-2, keepdim=True)
        if self.visual_mean == "time+channels":
            visual = visual.mean(dim=-1, keepdim=True)
        prompts: Tensor = self.layers(text * visual)
        return prompts
