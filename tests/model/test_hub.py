"""spm.model.hub: published weights where there is no network, and where there is one."""

import socket
import time
import urllib.request
from pathlib import Path

import pytest
from huggingface_hub import constants

from spm.base.errors import ConfigError
from spm.model import hub
from spm.model.towers import timm_weights
from spm.model.weights import resolve_weights
from tests.machines import told
from tests.towers import RESNET, config


@pytest.fixture
def no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No host is found, and nothing was fetched before; nobody may wait."""

    def unknown(*address: object, **options: object) -> None:
        raise socket.gaierror("Name or service not known")

    def waits(seconds: float) -> None:
        raise AssertionError(f"waited for {seconds} s")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    monkeypatch.setattr(hub, "getproxies", dict)
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(time, "sleep", waits)


@pytest.mark.usefixtures("no_network")
def test_without_a_network_it_says_at_once_which_file_to_bring(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError) as error:
        resolve_weights("ViT-B-16-quickgelu", "openai")
    assert told("published weights without a network").fullmatch(str(error.value))
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert not constants.HF_HUB_OFFLINE


@pytest.mark.usefixtures("no_network")
def test_of_a_timm_tower_too() -> None:
    repository = f"{constants.ENDPOINT}/timm/test_resnet.r160_in1k"
    files = f"fetch model.safetensors or pytorch_model.bin from {repository} elsewhere, put it for "
    place = "example at models/test_resnet.r160_in1k.safetensors, and give that path"
    with pytest.raises(ConfigError, match=files + place):
        timm_weights._resolve(config(RESNET, weights="pretrained"))


@pytest.mark.usefixtures("no_network")
def test_what_was_fetched_before_is_found_without_a_network(tmp_path: Path) -> None:
    repository = tmp_path / "models--timm--test_resnet.r160_in1k"
    file = repository / "snapshots" / ("0" * 40) / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_text("weights")
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("0" * 40)
    assert timm_weights._resolve(config(RESNET, weights="pretrained")) == file


def test_a_network_is_where_a_connection_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "getproxies", dict)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert hub._reaches(address)
    assert not hub._reaches(address)
    monkeypatch.setattr(hub, "getproxies", lambda: {"http": "http://proxy:3128"})
    assert hub._reaches(address)
