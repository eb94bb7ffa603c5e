"""Recording with the camera, as gradio has it."""

from pathlib import Path
from typing import Any

import gradio as gr

from spm.base.errors import DataError

CAMERA: dict[str, Any] = {
    "include_audio": True,  # without the sound, or mirrored, gradio would call ffmpeg
    "webcam_options": gr.WebcamOptions(mirror=False),
}
_EMPTY = 64
"""Bytes. Gradio takes what Chromium has written when the recording is stopped; where the camera was
slow to begin, that is the first byte alone."""


def check_recording(path: Path) -> None:
    """Raises DataError for a recording without a picture."""
    if path.stat().st_size < _EMPTY:
        raise DataError("There is no picture in it: if you recorded it, record a little longer.")
