"""frame_folder: the order of frames, what is refused, and the same pixels as the video's."""

import io
import struct
import zlib

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from bench.burnt import write_clip
from spm.base.errors import DataError
from spm.video.frame_folder import ordered_frames
from spm.video.reading import read_clip
from tests.manifests import frames_config


def picture(value: int, *, size=(40, 32)) -> Image.Image:
    return Image.new("RGB", size, (value, value // 2, 0))


def make(folder, *names, **options):
    """Images of which the first is of value 0, the second of value 10, and so on."""
    folder.mkdir(exist_ok=True)
    for place, name in enumerate(names):
        picture(10 * place, **options).save(folder / name)
    return folder


def read(folder, **changes):
    return read_clip(folder, frames=frames_config(**changes))


def values(clip):
    return clip.frames[:, 16, 16, 0].tolist()


class TestOrder:
    @pytest.mark.parametrize(
        "names",
        [
            ["img_00009.png", "img_00010.png", "img_00011.png"],
            ["9.png", "10.png", "11.png"],
            ["v2_clip7_0.png", "v2_clip7_1.png", "v2_clip7_2.PNG"],
            ["f5.png", "f10.png", "f15.png"],
            ["1b.png", "2b.png", "3b.png"],
            ["0.png"],
        ],
    )
    def test_by_the_last_number_in_the_name(self, tmp_path, names):
        make(tmp_path, *names)
        assert [path.name for path in ordered_frames(tmp_path)] == names

    @given(
        first=st.integers(0, 2000),
        step=st.integers(1, 7),
        count=st.integers(1, 30),
        width=st.integers(0, 6),
        order=st.randoms(),
    )
    @settings(max_examples=30)
    def test_whatever_the_padding_start_and_step(
        self, tmp_path_factory, first, step, count, width, order
    ):
        folder = tmp_path_factory.mktemp("clip")
        names = [f"x{first + step * n:0{width}}.jpg" for n in range(count)]
        for name in order.sample(names, count):
            (folder / name).touch()
        assert [path.name for path in ordered_frames(folder)] == names

    @pytest.mark.parametrize(
        ("names", "reason"),
        [
            ([], r"the folder holds no frames \(jpg, jpeg, png\)"),
            (["1.png", "2.png", "4.png"], "missing between 2.png and 4.png"),
            (["2.png", "4.png", "5.png"], "missing between 2.png and 4.png"),
            (["1.png", "01.png"], "two frames have number 1: 01.png, 1.png"),
            (["1.png", "1.jpg"], "two frames have number 1: 1.jpg, 1.png"),
            (["1.png", "cover.png"], "cover.png has no number"),
            (["img_1.png", "img_2.png", "flow_3.png"], "one series: flow_3.png, img_1.png"),
        ],
    )
    def test_what_is_no_sequence_is_refused(self, tmp_path, names, reason):
        with pytest.raises(DataError, match=reason):
            ordered_frames(make(tmp_path, *names))


class TestPixels:
    @given(
        num_frames=st.integers(1, 30),
        changes=st.fixed_dictionaries(
            {
                "num_segments": st.integers(2, 9),
                "samples_per_segment": st.integers(1, 3),
                "short_side": st.sampled_from([32, 48, 96]),
                "keep_aspect": st.booleans(),
            }
        ),
    )
    @settings(max_examples=20, deadline=None)
    def test_lossless_images_of_a_clip_give_its_frames(self, tmp_path_factory, num_frames, changes):
        root = tmp_path_factory.mktemp("clips")
        video = write_clip(root / "clip.mp4", num_frames=num_frames)
        (root / "clip").mkdir()
        with av.open(str(video)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                frame.to_image().save(root / "clip" / f"{number}.png")
        expected, found = read(video, **changes), read(root / "clip", **changes)
        np.testing.assert_array_equal(found.frames, expected.frames)
        assert (found.reader, found.video_frames) == ("pillow", num_frames)

    def test_only_the_frames_asked_for_are_opened(self, tmp_path):
        make(tmp_path, *(f"{number}.png" for number in range(12)))
        (tmp_path / "0.png").write_bytes(b"no image")
        assert values(read(tmp_path)) == [10, 40, 70, 100]

    def test_a_short_clip_repeats_frames_or_is_rejected(self, tmp_path):
        make(tmp_path, "1.png", "2.png")
        assert values(read(tmp_path)) == [0, 0, 10, 10]
        with pytest.raises(DataError, match="short: has 2 frames"):
            read(tmp_path, short_clips="reject")

    def test_other_files_are_passed_over(self, tmp_path):
        make(tmp_path, "1.png", "2.png")
        (tmp_path / "Thumbs.db").touch()
        (tmp_path / ".3.png").touch()
        assert read(tmp_path).video_frames == 2

    @pytest.mark.parametrize(
        ("mode", "name", "expected"),
        [
            ("L", "1.jpg", (120, 120, 120)),
            ("L", "1.png", (120, 120, 120)),
            ("1", "1.png", (255, 255, 255)),
            ("CMYK", "1.jpg", (200, 100, 50)),
            ("P", "1.png", (200, 100, 50)),
            ("RGBA", "1.png", (200, 100, 50)),
            ("RGB", "1.jpg", (200, 100, 50)),
        ],
    )
    def test_other_colours_become_rgb(self, tmp_path, mode, name, expected):
        image = Image.new("RGB", (40, 32), (200, 100, 50))
        if mode in ("L", "1"):
            image = Image.new(mode, (40, 32), 120)
        elif mode == "RGBA":
            image.putalpha(90)
        elif mode == "P":
            image = image.quantize(2)
        image.convert(mode).save(tmp_path / name)
        found = read(tmp_path).frames
        assert np.abs(found.astype(int) - expected).max() <= 3  # what JPEG costs

    @pytest.mark.parametrize(("orientation", "corner"), [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1))])
    def test_a_picture_is_turned_as_its_exif_says(self, tmp_path, orientation, corner):
        image = Image.new("RGB", (64, 48))
        image.paste((255, 255, 255), (0, 0, 16, 16))
        exif = image.getexif()
        exif[0x0112] = orientation
        image.save(tmp_path / "1.jpg", exif=exif)
        found = read(tmp_path, short_side=48).frames[0]
        assert found.shape == ((64, 48, 3) if orientation == 6 else (48, 64, 3))
        assert found[corner].min() > 200


class TestDamage:
    @pytest.mark.parametrize("kind", ["jpg", "png"])
    @pytest.mark.parametrize("share", [0, 0.3, 0.9])
    def test_a_truncated_image_is_named(self, tmp_path, kind, share):
        noise = np.random.default_rng(0).integers(0, 255, size=(32, 40, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, "jpeg" if kind == "jpg" else kind)
        data = buffer.getvalue()
        (tmp_path / f"7.{kind}").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(DataError, match=rf"7\.{kind} cannot be decoded"):
            read(tmp_path)

    def test_a_broken_chunk_of_a_png_is_found(self, tmp_path):
        make(tmp_path, "1.png")
        data = bytearray((tmp_path / "1.png").read_bytes())
        start = data.index(b"IDAT") + 4
        data[start] ^= 0xFF
        length = int.from_bytes(data[start - 8 : start - 4], "big")
        crc = zlib.crc32(data[start - 4 : start + length])
        data[start + length : start + length + 4] = crc.to_bytes(4, "big")
        (tmp_path / "1.png").write_bytes(data)
        with pytest.raises(DataError, match=r"1\.png cannot be decoded"):
            read(tmp_path)

    @pytest.mark.parametrize("colour", [0, 2], ids=["grey", "RGB"])
    def test_sixteen_bits_are_refused_and_not_cut(self, tmp_path, colour):
        (tmp_path / "1.png").write_bytes(_png_of_16_bits(colour))
        with pytest.raises(DataError, match=r"1.png has more than 8 bits a channel \(16\)"):
            read(tmp_path)

    def test_frames_of_different_sizes_are_refused(self, tmp_path):
        make(tmp_path, "1.png", "2.png", "3.png")
        picture(0, size=(80, 64)).save(tmp_path / "4.png")  # the same shape after resizing
        with pytest.raises(DataError, match="frames of different sizes: 40×32, 80×64"):
            read(tmp_path)

    def test_a_file_that_cannot_be_opened_is_the_machines_fault(self, tmp_path):
        (tmp_path / "1.png").symlink_to(tmp_path / "nowhere.png")
        with pytest.raises(FileNotFoundError):
            read(tmp_path)


def _png_of_16_bits(colour: int) -> bytes:
    """40 × 32, `colour` as IHDR has it: 0 is grey, 2 RGB. PIL writes the first alone."""
    row = b"\0" + bytes(2 * 40 * (3 if colour == 2 else 1))
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", 40, 32, 16, colour, 0, 0, 0),
        b"IDAT": zlib.compress(32 * row),
        b"IEND": b"",
    }
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
