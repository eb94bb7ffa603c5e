"""decord, and torchcodec by a stand-in with the API that its documentation gives."""

import sys
from types import ModuleType, SimpleNamespace

import av
import numpy as np
import pytest
import torch

from bench.burnt import numbers, write_clip
from bench.remade import hide_every_tenth, remux
from spm.base.errors import ConfigError, DataError
from spm.video.counting_readers import check_installed
from spm.video.reading import read_frames


class VideoDecoder:
    """torchcodec.decoders.VideoDecoder, as far as it is used: decodes all, counts in sequence."""

    def __init__(self, source, *, dimension_order="NCHW", num_ffmpeg_threads=1, seek_mode="exact"):
        assert (dimension_order, num_ffmpeg_threads, seek_mode) == ("NHWC", 1, "exact")
        with av.open(source) as container:
            decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        self._frames = torch.from_numpy(np.stack(decoded))

    def __len__(self):
        return len(self._frames)

    def get_frames_at(self, indices):
        if max(indices) >= len(self):
            raise IndexError("Invalid frame index=99; must be less than 40")
        return SimpleNamespace(data=self._frames[indices])


@pytest.fixture
def torchcodec(monkeypatch):
    package, decoders = ModuleType("torchcodec"), ModuleType("torchcodec.decoders")
    decoders.VideoDecoder = VideoDecoder
    monkeypatch.setitem(sys.modules, "torchcodec", package)
    monkeypatch.setitem(sys.modules, "torchcodec.decoders", decoders)


def read(path, picks, *, reader="torchcodec"):
    return read_frames(path, pick=lambda num: np.array(picks), short_side=96, reader=reader)


def test_torchcodec(tmp_path, torchcodec):
    path = write_clip(tmp_path / "clip.mp4")
    clip = read(path, [30, 2, 30])
    assert (numbers(clip.frames), clip.reader, clip.video_frames) == ([30, 2, 30], "torchcodec", 40)
    assert np.array_equal(clip.frames, read(path, [30, 2, 30], reader="auto").frames)


def test_errors_of_torchcodec_are_the_file_s(tmp_path, torchcodec, monkeypatch):
    path = write_clip(tmp_path / "clip.mp4")
    with pytest.raises(DataError, match="torchcodec: Invalid frame index=99"):
        read(path, [99])
    monkeypatch.setattr(VideoDecoder, "__len__", lambda decoder: 38)
    with pytest.raises(DataError, match="torchcodec counts 38 frames, the file has 40"):
        read(path, [0])


def test_what_torchcodec_misreads_is_refused(tmp_path, torchcodec):
    with pytest.raises(
        DataError, match="torchcodec would err: an avi stores no presentation times"
    ):
        read(write_clip(tmp_path / "clip.avi", codec="mpeg4"), [0])
    webm = {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8"}}
    whole = write_clip(tmp_path / "whole.webm", **webm)
    with pytest.raises(DataError, match="torchcodec would err: some of its frames are hidden"):
        read(remux(whole, tmp_path / "clip.webm", change=hide_every_tenth), [0])


def test_a_library_that_does_not_turn_frames(tmp_path, torchcodec):
    """The stand-in does not."""
    path = write_clip(tmp_path / "clip.mp4", matrix=(0, 1, -1, 0))
    with pytest.raises(DataError, match="torchcodec does not turn its frames as"):
        read(path, [0])


@pytest.mark.parametrize("error", [ImportError, RuntimeError, OSError])
def test_a_library_that_cannot_be_imported(monkeypatch, error):
    def refuse(name):
        raise error("Could not load libtorchcodec.\nAnd a page of reasons.")

    monkeypatch.setattr("spm.video.counting_readers.import_module", refuse)
    with pytest.raises(ConfigError) as raised:
        check_installed("torchcodec")
    message = str(raised.value)
    assert message.startswith("frames.reader = 'torchcodec' cannot be imported (Could not load lib")
    assert "page of reasons" not in message
    assert message.endswith("or use frames.reader: auto")
    check_installed("auto")


def test_decord_s_errors_are_the_file_s(tmp_path, monkeypatch):
    import decord

    def refuse(*args, **kwargs):
        raise decord.DECORDError("cannot find video stream\nstack trace")

    monkeypatch.setattr(decord, "VideoReader", refuse)
    with pytest.raises(DataError, match=r"^decord: cannot find video stream$"):
        read(write_clip(tmp_path / "clip.mp4"), [0], reader="decord")
