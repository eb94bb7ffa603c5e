"""The Prefect server of the pipeline's own, and the user's, in environments that are against it."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.burnt import write_clip
from pipeline.machine import prefect_server
from pipeline.machine.prefect_server import asked_directly
from tests.decoding.test_decode import build
from tests.machines import disk, python, told

STARTS = """
import sys
from pathlib import Path
from pipeline.machine.prefect_server import asked_directly, ensure_server
from spm.base import command
def main():
    home = Path(sys.argv[1])
    ensure_server(home)
    from prefect import flow
    @flow
    def three():
        return 3
    with asked_directly():
        print("flow:", three())
sys.argv[0] = "frames"
command.run(main)
"""


@pytest.fixture
def proxies(monkeypatch):
    """Such as answer nothing; no address is exempt."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "elsewhere.org")


def test_a_proxy_is_not_asked_for_the_own_server(tmp_path, prefect_home, proxies):
    for number in range(2):
        write_clip(tmp_path / f"videos/a/{number}.mp4", num_frames=8)
    decoded, num_shards = build(tmp_path, home=prefect_home)
    assert 0 < decoded == num_shards
    assert os.environ["no_proxy"] == "elsewhere.org"


def test_the_user_s_server_may_be_behind_a_proxy(monkeypatch, proxies):
    monkeypatch.setenv("PREFECT_API_URL", "http://prefect.example/api")
    with asked_directly():
        assert os.environ["no_proxy"] == "elsewhere.org"
    monkeypatch.setattr(prefect_server, "_own_urls", {"http://prefect.example/api"})
    monkeypatch.delenv("no_proxy")
    with asked_directly():
        assert os.environ["no_proxy"] == "*"
    assert "no_proxy" not in os.environ


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_the_user_s_server_on_this_machine_is_behind_none(monkeypatch, proxies, host):
    monkeypatch.setenv("PREFECT_API_URL", f"http://{host}:4200/api")
    with asked_directly():
        assert os.environ["no_proxy"] == "*"


@pytest.fixture
def keys():
    """Those that `web_page` was asked with."""
    return set()


@pytest.fixture
def web_page(keys):
    """The address of a server that answers everything with a page."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            keys.add(self.headers["Authorization"])
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("what", ["a dead server", "a web page"])
def test_a_server_that_cannot_be_used(tmp_path, web_page, what):
    url = web_page if what == "a web page" else "http://127.0.0.1:9/api"
    done = python("-c", STARTS, str(tmp_path), folder=tmp_path, PREFECT_API_URL=url)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert told(f"PREFECT_API_URL of {what}").search(done.stdout)


def test_a_server_of_the_user_s_is_used(tmp_path, prefect_home):
    """The one of the other tests, which is somebody else's to this process."""
    done = python(
        *("-c", STARTS, str(tmp_path / "home")),
        folder=tmp_path,
        PREFECT_API_URL=os.environ["PREFECT_API_URL"],
        http_proxy="http://127.0.0.1:9",
        ALL_PROXY="socks5://127.0.0.1:9",
    )
    assert done.stdout == "flow: 3\n"
    assert not (tmp_path / "home").exists()


def test_a_server_of_the_user_s_is_asked_with_the_key_of_the_user_s_profile(
    tmp_path, web_page, keys
):
    _write_profile(tmp_path, PREFECT_API_KEY="of the profile")
    settings = {"HOME": str(tmp_path), "PREFECT_API_URL": f"{web_page}/api"}
    python("-c", STARTS, str(tmp_path / "home"), folder=tmp_path, **settings)
    assert keys == {"Bearer of the profile"}


def _write_profile(home, **settings):
    lines = [f'{name} = "{value}"' for name, value in settings.items()]
    text = "\n".join(['active = "default"', "[profiles.default]", *lines])
    (home / ".prefect").mkdir()
    (home / ".prefect/profiles.toml").write_text(text, encoding="utf-8")


@pytest.mark.slow  # a server takes 8 s to start
def test_settings_for_another_server(tmp_path):
    _write_profile(tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api")
    done = python(
        *("-c", STARTS, str(tmp_path / "own")),
        folder=tmp_path,
        HOME=str(tmp_path),
        PREFECT_API_URL="",
        PREFECT_API_KEY="a key",
        PREFECT_PROFILE="of no file",
        PREFECT_SERVER_API_AUTH_STRING="admin:password",
        PREFECT_SERVER_DATABASE_CONNECTION_URL="postgresql+asyncpg://u:p@127.0.0.1:9/prefect",
        http_proxy="http://127.0.0.1:9",
        ALL_PROXY="socks5://127.0.0.1:9",
    )
    assert done.stdout == "flow: 3\n"


@pytest.mark.slow
def test_several_start_at_once_on_one_new_database(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        starts = ["-c", STARTS, str(tmp_path / "prefect")]
        started = [pool.submit(python, *starts, folder=tmp_path) for _ in range(4)]
    assert [each.result().stdout for each in started] == ["flow: 3\n"] * 4


@pytest.mark.slow
@pytest.mark.parametrize("size", ["300k", "2m"])
def test_no_room_for_its_database(tmp_path, size):
    with disk(tmp_path / "state", options=f"size={size}") as state:
        done = python("-c", STARTS, str(state / "prefect"), folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1
    assert told("full: Prefect's database").search(done.stdout)
