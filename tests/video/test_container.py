"""A clip is the file itself: no playlist or script opens another one."""

from pathlib import Path

import pytest

from bench.burnt import write_clip
from spm.base.errors import DataError
from spm.video.container import open_video


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile sub/x.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsub/x.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
    ids=["concat", "hls", "sdp"],
)
@pytest.mark.parametrize("name", ["a.mp4", "a.m3u8"])
def test_a_text_that_names_other_files_is_no_clip(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "sub").mkdir()
    write_clip(tmp_path / "sub/x.mp4", num_frames=8)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="unreadable: "), open_video(path):
        pytest.fail("it was opened")


def test_a_concat_script_is_said_to_be_one(tmp_path: Path) -> None:
    write_clip(tmp_path / "x.mp4", num_frames=8)
    (tmp_path / "a.mp4").write_text("ffconcat version 1.0\nfile x.mp4\n", encoding="utf-8")
    with pytest.raises(DataError, match="a playlist or a script"), open_video(tmp_path / "a.mp4"):
        pytest.fail("it was opened")
