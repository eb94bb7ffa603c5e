"""MoLo's motion: differences of neighbouring maps, and the decoder that holds them to motion.

    maps ─ r ─ d_t = conv(r_{t+1}) − r_t ─┬─ up ─ mean over positions ─ motion features
                                          └─ decoder ─ RGB_{t+1} − RGB_t   (training)

Shapes: `T` frames, `C` channels, `R` reduced channels, C / 8; `H`, `W` of the map.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_REDUCTION = 8
_DECODER = ((2, 128), (4, 32), (4, 16))
"""Upsampling factor and channels of each of the decoder's stages: 7 × 7 becomes 224 × 224."""


def reduced(channels: int) -> int:
    """R of maps with `channels` channels."""
    return max(1, channels // _REDUCTION)


class MapDifferences(nn.Module):
    """d_t = conv(r_{t+1}) − r_t of the reduced maps r."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv3d(channels, reduced(channels), kernel_size=3, padding=1)
        self.conv = nn.Conv2d(reduced(channels), reduced(channels), kernel_size=3, padding=1)
        self.up = nn.Conv2d(reduced(channels), channels, kernel_size=1)

    def forward(self, maps: Tensor) -> Tensor:
        """maps [..., T, C, H, W], T >= 2 -> d [..., T−1, R, H, W]."""
        clips = maps.flatten(end_dim=-5).transpose(1, 2)
        r = self.reduce(clips).transpose(1, 2)
        later = self.conv(r[:, 1:].flatten(end_dim=1)).reshape(r[:, 1:].shape)
        d: Tensor = later - r[:, :-1]
        return d.reshape(*maps.shape[:-4], -1, *r.shape[-3:])

    def features(self, d: Tensor) -> Tensor:
        """d [..., T−1, R, H, W] -> motion features [..., T−1, C]."""
        up = F.relu(self.up(d.flatten(end_dim=-4)))
        return up.mean(dim=(-2, -1)).reshape(*d.shape[:-3], -1)


class Decoder(nn.Module):
    """d [..., R, H, W] -> images [..., 3, *size].

    The release decodes 7 × 7 maps to 224 × 224 pixels, 32 times as many. Where the frames are of
    another size, the images are resized, bilinear with aligned corners as within: an adaptation.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels, *(width for _, width in _DECODER)]
        self.stages = nn.Sequential(
            *(
                _Upsample(before, width, factor=factor)
                for before, (factor, width) in zip(widths, _DECODER, strict=False)
            )
        )
        self.out = nn.Conv2d(widths[-1], 3, kernel_size=1)

    def forward(self, d: Tensor, *, size: tuple[int, int]) -> Tensor:
        images: Tensor = self.out(self.stages(d.flatten(end_dim=-4)))
        if images.shape[-2:] != size:
            images = F.interpolate(images, size=size, mode="bilinear", align_corners=True)
        return images.reshape(*d.shape[:-3], *images.shape[-3:])


class _Upsample(nn.Module):
    def __init__(self, before: int, after: int, *, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.conv = nn.Conv2d(before, after, kernel_size=3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=self.factor, mode="bilinear", align_corners=True)
        return F.relu(self.norm(self.conv(x)))


def reconstruction_loss(images: Tensor, pixels: Tensor) -> Tensor:
    """The mean squared error of differences: images [..., n, T−1, 3, H, W], pixels
    [..., n, T, 3, H, W] -> [...]."""
    target: Tensor = torch.diff(pixels, dim=-4)
    return (images - target).square().mean(dim=(-5, -4, -3, -2, -1))
