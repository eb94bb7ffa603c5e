"""What is exempt from proxies, in words of `no_proxy`."""

import pytest

from pipeline.machine.proxies import exempting, on_this_machine


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("", "here,::1"),
        ("elsewhere.org, here", "elsewhere.org,here,::1"),
        ("*", "*"),
        (" * ", "*"),
    ],
)
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_exempting(monkeypatch, given, value, name):
    for each in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(each, given if each == name else "")
    assert exempting("here", "::1") == value


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
def test_on_this_machine(host):
    assert on_this_machine(f"http://{host}:4200/api")


@pytest.mark.parametrize("url", ["http://localhost.example/api", "http://[::1", "localhost", ""])
def test_elsewhere(url):
    assert not on_this_machine(url)
