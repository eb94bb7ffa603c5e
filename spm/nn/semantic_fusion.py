"""SF, Semantic Fusion (Eq. 9): a prompt (a motion or a text) modulates the frames of a clip.

    prompt p [..., 1, C] ──────────────┬────────────── [p', f''] = Transformer([p, f'])
    frames f [..., T, C] ── f' = Ψ_v(f) ⊙ f + α Ψ_p(p) ⊙ p

The sequence begins with the prompt as it came; only the frames are gated. One SF serves motion
prompts (HSMR) and text prompts (SPM).
"""

from typing import Literal

import torch
from torch import Tensor, nn

from spm.nn.transformer import Transformer

Fusion = Literal["concat", "sum+concat", "gate+sum+concat"]


class SemanticFusion(nn.Module):
    """`fusion` takes parts away (Table 4): no gates, then no sum."""

    def __init__(
        self,
        channels: int,
        *,
        fusion: Fusion,
        alpha: float,
        gate_visual_ratio: float,
        gate_prompt_ratio: float,
        gate_slope: float,
        transformer: Transformer,
    ) -> None:
        super().__init__()
        self.fusion = fusion
        self.alpha = alpha
        if fusion == "gate+sum+concat":
            self.gate_visual = Gate(channels, ratio=gate_visual_ratio, slope=gate_slope)
            self.gate_prompt = Gate(channels, ratio=gate_prompt_ratio, slope=gate_slope)
        self.transformer = transformer

    def forward(self, prompt: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """prompt [..., 1, C], frames [..., T, C] -> the same shapes, each having seen the other."""
        return self.fuse(prompt, self.gated(frames))

    def gated(self, frames: Tensor) -> Tensor:
        """Ψ_v(f) ⊙ f, which no prompt has a part in; f itself where `fusion` has no gates."""
        if self.fusion != "gate+sum+concat":
            return frames
        out: Tensor = self.gate_visual(frames) * frames
        return out

    def fuse(self, prompt: Tensor, gated: Tensor) -> tuple[Tensor, Tensor]:
        """As `forward`, from frames that `gated` gave."""
        out = self.transformer(torch.cat([prompt, self._add(prompt, gated)], dim=-2))
        return out[..., :1, :], out[..., 1:, :]

    def _add(self, prompt: Tensor, gated: Tensor) -> Tensor:
        if self.fusion == "concat":
            return gated
        if self.fusion == "sum+concat":
            return gated + self.alpha * prompt
        gated_prompt: Tensor = self.gate_prompt(prompt) * prompt
        return gated + self.alpha * gated_prompt


class Gate(nn.Sequential):
    """Ψ: a weight in (0, 1) for every channel, from the feature itself."""

    def __init__(self, channels: int, *, ratio: float, slope: float) -> None:
        hidden = max(1, round(ratio * channels))
        super().__init__(
            nn.Linear(channels, hidden),
            nn.LeakyReLU(slope),
            nn.Linear(hidden, channels),
            nn.Sigmoid(),
        )
