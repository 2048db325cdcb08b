"""The compose file of IB Gateway: paper, on loopback, pinned, its password in a file."""

from pathlib import Path

import yaml

COMPOSE = Path(__file__).parents[1] / "deploy" / "ib-gateway" / "compose.yaml"


def service():
    return yaml.safe_load(COMPOSE.read_text())["services"]["ib-gateway"]


def test_only_the_paper_port_is_published_and_only_on_loopback():
    assert service()["ports"] == ["127.0.0.1:4002:4004"]
    assert service()["environment"]["TRADING_MODE"] == "paper"


def test_the_password_comes_from_a_file_and_stands_nowhere():
    environment = service()["environment"]
    assert environment["TWS_PASSWORD_FILE"] == "/run/secrets/tws_password"
    assert "TWS_PASSWORD" not in environment
    assert service()["secrets"] == ["tws_password"]
    assert set(yaml.safe_load(COMPOSE.read_text())["secrets"]["tws_password"]) == {"file"}


def test_the_image_is_pinned():
    name, _, tag = service()["image"].rpartition(":")
    assert name == "ghcr.io/gnzsnz/ib-gateway"
    assert tag[0].isdigit()
