"""Which node runs where, what it sees, and which addresses follow from a site."""

from __future__ import annotations

from pathlib import Path

import pytest

from camfan_config import (
    Broker,
    Camera,
    Cameras,
    CustomCamera,
    Endpoints,
    Motion,
    Security,
    Site,
    TestCamera,
    bind_addresses,
    broker_host,
    endpoints,
    host_label,
    host_of,
    hosts,
    load_site,
    nodes,
    select,
)

SITES = Path(__file__).parents[2] / "config/sites"


def site(host: str = "127.0.0.1", security: Security | None = None) -> Site:
    """Three cameras and a broker."""
    cameras: dict[str, Camera] = {
        "porch-1": TestCamera(),
        "porch-2": TestCamera(host="pi.local"),
        "yard": CustomCamera(),
    }
    return Site(
        version=1,
        site="s",
        broker=Broker(host=host),
        security=security or Security(),
        cameras=cameras,
    )


@pytest.mark.parametrize(
    ("host", "label"),
    [
        ("hub.local", "hub"),
        ("Hub.example.org", "hub"),
        ("hub", "hub"),
        ("192.168.1.4", "192.168.1.4"),
        ("fe80::1", "fe80::1"),
        ("127.0.0.1", "localhost"),
        ("127.1.2.3", "localhost"),
        ("::1", "localhost"),
        ("localhost", "localhost"),
    ],
)
def test_a_host_has_one_label(host: str, label: str) -> None:
    """However it is written: the first part of a name, an address as it is."""
    assert host_label(host) == label


def test_a_node_without_a_host_lives_with_the_broker() -> None:
    """And one with a host lives there."""
    one = site("hub.local")
    assert broker_host(one) == "hub"
    assert host_of(one, one.cameras["porch-1"]) == "hub"
    assert host_of(one, one.cameras["porch-2"]) == "pi"
    assert host_of(one, Motion(host="HUB")) == "hub"


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ("*", ("porch-1", "porch-2", "yard")),
        (("porch-*",), ("porch-1", "porch-2")),
        (("yard", "porch-1"), ("porch-1", "yard")),
        (("porch-[!1]",), ("porch-2",)),
        ((), ()),
    ],
)
def test_cameras_are_chosen_by_name_or_glob(patterns: Cameras, names: tuple[str, ...]) -> None:
    """In the order of the file, each once."""
    assert select(site(), patterns) == names


@pytest.mark.parametrize(
    ("host", "dialled"),
    [
        ("hub.local", "tcp://hub.local:5550"),
        ("127.0.0.1", "tcp://127.0.0.1:5550"),
        ("fe80::1", "tcp://[fe80::1]:5550"),
    ],
)
def test_everyone_dials_the_broker(host: str, dialled: str) -> None:
    """By the one address of the file."""
    assert endpoints(site(host)).ingest == dialled


@pytest.mark.parametrize(
    ("host", "security", "bound"),
    [
        ("127.0.0.1", Security(), "tcp://127.0.0.1:5550"),
        ("localhost", Security(), "tcp://127.0.0.1:5550"),
        ("127.0.0.7", Security(), "tcp://127.0.0.7:5550"),
        ("hub.local", Security(), "tcp://127.0.0.1:5550"),
        ("hub.local", Security(keys="/keys"), "tcp://*:5550"),
        ("hub.local", Security(insecure=True), "tcp://*:5550"),
    ],
)
def test_without_keys_only_loopback_is_bound(host: str, security: Security, bound: str) -> None:
    """Unless the file says `insecure`."""
    assert bind_addresses(site(host, security)).ingest == bound


def test_the_three_sockets_have_three_addresses() -> None:
    """In the order ingest, fanout, delivery."""
    assert endpoints(site("hub")) == Endpoints("tcp://hub:5550", "tcp://hub:5551", "tcp://hub:5552")


def test_the_farm_is_where_it_should_be() -> None:
    """Every node of the example is on its host, the broker's host first."""
    farm = load_site(SITES / "farm.yaml")

    found = {host: [node.name for node in here] for host, here in hosts(farm).items()}

    assert found == {
        "hub": ["broker", "gate", "demo", "archive", "yard", "web"],
        "porch-pi": ["front-door", "driveway"],
    }
    assert [node.kind for node in nodes(farm)] == [
        "broker", "camera", "camera", "camera", "camera", "recorder", "motion", "web",
    ]  # fmt: skip
