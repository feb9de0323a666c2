"""Sites with several brokers: which camera is whose, and what each of them sees."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camfan_broker.cli import WhichBrokerError, choose
from camfan_config import (
    BROKER,
    Broker,
    CustomCamera,
    Ports,
    Recorder,
    Site,
    as_seen_by,
    bind_addresses,
    broker_of,
    brokers,
    diff_sites,
    endpoints,
    hosts,
    load_site,
    nodes,
    select,
)
from camfan_config.load import read_site
from camfan_config.report.estimate import traffic, warnings
from camfan_config.report.graph import mermaid
from camfan_config.report.render import show
from camfan_nodes.shared.share import share

TWO = """version: 1
site: farm
brokers:
  house: {host: hub.local}
  barn: {host: barn.local, ports: {ingest: 6550, fanout: 6551, delivery: 6552}}
security: {insecure: true}
defaults: {broker: house, size: 640x480, fps: 10}
cameras:
  porch: {source: test}
  stable: {source: test, broker: barn}
  gate: {source: test, broker: barn, host: gate-pi}
recorders:
  archive: {path: /srv/recordings}
motion:
  watch: {cameras: [stable], host: barn}
"""


@pytest.fixture(name="path")
def _path(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(TWO, "utf-8")
    return path


def test_a_camera_publishes_to_its_broker_and_lives_there(path: Path) -> None:
    """A camera without a host is with its broker; any other node, with the first broker."""
    site = load_site(path)

    assert {name: broker_of(site, name) for name in site.cameras} == {
        "porch": "house",
        "stable": "barn",
        "gate": "barn",
    }
    assert {host: [node.name for node in here] for host, here in hosts(site).items()} == {
        "hub": ["house", "porch", "archive"],
        "barn": ["barn", "stable", "watch"],
        "gate-pi": ["gate"],
    }
    assert endpoints(site, "barn").ingest == "tcp://barn.local:6550"
    assert bind_addresses(site, "barn").delivery == "tcp://*:6552"


def test_a_broker_sees_its_cameras_and_their_readers(path: Path) -> None:
    """And is the only broker of what it sees."""
    seen = as_seen_by(load_site(path), "house")

    assert [(node.kind, node.name) for node in nodes(seen)] == [
        ("broker", "house"),
        ("camera", "porch"),
        ("recorder", "archive"),
    ]
    assert endpoints(seen).delivery == "tcp://hub.local:5552"


def test_a_site_of_one_broker_is_seen_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text("version: 1\nsite: one\ncameras: {a: {source: test}}\n", "utf-8")
    site = load_site(path)

    assert as_seen_by(site, BROKER) is site
    assert brokers(site) == {BROKER: site.broker}


NAMES = st.sampled_from(["barn", "house", "yard", "mill"])


@given(st.dictionaries(st.from_regex(r"c[a-z0-9]{1,5}", fullmatch=True), NAMES, min_size=1))
def test_every_camera_is_seen_by_exactly_one_broker(assigned: dict[str, str]) -> None:
    """However cameras are assigned, and whatever is recorded is recorded of each once."""
    site = Site(
        version=1,
        site="s",
        brokers={
            name: Broker(ports=Ports(ingest=n, fanout=n + 1, delivery=n + 2))
            for n, name in enumerate(dict.fromkeys(assigned.values()), 7000)
        },
        cameras={name: CustomCamera(broker=broker) for name, broker in assigned.items()},
        recorders={"archive": Recorder(path="/r"), "some": Recorder(path="/s", cameras=("ca*",))},
    )
    seen = [as_seen_by(site, name) for name in site.brokers]

    assert sorted(name for part in seen for name in part.cameras) == sorted(assigned)
    for name, recorder in site.recorders.items():
        parts = [part for part in seen if name in part.recorders]
        found = [camera for part in parts for camera in select(part, recorder.cameras)]
        assert sorted(found) == sorted(select(site, recorder.cameras))
        assert all(select(part, recorder.cameras) for part in parts)


def test_show_can_be_loaded_again(path: Path, tmp_path: Path) -> None:
    """With `brokers` and without `broker`."""
    shown = show(read_site(path))
    again = tmp_path / "again.yaml"
    again.write_text(shown, "utf-8")

    assert load_site(again) == load_site(path)


def test_the_graph_goes_by_each_broker(path: Path) -> None:
    """A reader of cameras of two brokers has an arrow from each."""
    text = mermaid(load_site(path))

    assert '{{"house"}}' in text
    assert '{{"barn"}}' in text
    assert text.count('-->|"all"|') == 2  # all of house, and all of barn, to the recorder
    assert '-->|"stable"|' in text


def test_frames_are_counted_on_the_way_they_go(path: Path) -> None:
    """From a camera to its broker, and from there to its readers."""
    flows = traffic(load_site(path))

    assert flows["gate-pi"].sends == pytest.approx(flows["barn"].receives)
    assert flows["barn"].sends == pytest.approx(2 * flows["gate-pi"].sends)  # to the recorder
    assert flows["hub"].receives == pytest.approx(flows["barn"].sends)


def test_a_broker_without_cameras_is_worth_a_word(path: Path) -> None:
    path.write_text(TWO.replace("broker: barn", "broker: house"), "utf-8")

    assert "brokers.barn: no camera publishes to it" in warnings(load_site(path))


@pytest.mark.parametrize(
    ("old", "new", "restart", "reload"),
    [
        ("6550", "6560", {"barn", "stable", "gate", "archive", "watch"}, set()),
        ("stable: {source: test, broker: barn}", "stable: {source: test}",
         {"stable", "watch"}, {"house", "barn"}),
        ("  gate: {source: test, broker: barn, host: gate-pi}\n", "", set(), {"barn", "archive"}),
    ],
)  # fmt: skip
def test_only_affected_nodes_restart(
    path: Path, old: str, new: str, restart: set[str], reload: set[str]
) -> None:
    """A broker that moves concerns its cameras and their readers, and so does a camera's move."""
    before = load_site(path)
    path.write_text(TWO.replace(old, new), "utf-8")

    diff = diff_sites(before, load_site(path))

    assert (set(diff.restart), set(diff.reload)) == (restart, reload)
    assert (diff.start, diff.stop) in (((), ()), ((), ("gate",)))


def test_up_says_which_broker_to_be(path: Path) -> None:
    site = load_site(path)

    (broker, *_) = share(site, path, "barn")

    assert (broker.kind, broker.name) == ("broker", "barn")
    assert broker.command[-2:] == ("--name", "barn")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("bran", "site 'farm' has no broker 'bran'; did you mean 'barn'?"),
        (None, "site 'farm' has brokers house, barn; choose one with --name"),
    ],
)
def test_a_broker_has_to_know_which_it_is(path: Path, asked: str | None, words: str) -> None:
    with pytest.raises(WhichBrokerError, match=words[:40]) as caught:
        choose(load_site(path), asked)

    assert str(caught.value) == words


def test_a_broker_finds_itself_by_its_host(path: Path) -> None:
    """The only one of this machine."""
    path.write_text(TWO.replace("barn.local", socket.gethostname()), "utf-8")

    assert choose(load_site(path), None) == "barn"
