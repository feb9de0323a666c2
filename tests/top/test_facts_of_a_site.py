"""What the table says, from what the nodes said."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from camfan import Site, Status, load_site
from camfan_nodes.monitor.facts import CameraFacts, SiteFacts, gather
from camfan_nodes.monitor.last_status import LastStatus, LastStatuses, camera_trouble
from camfan_wire.figures import (
    AccountFigures,
    BrokerFigures,
    CameraFigures,
    PublisherFigures,
    RecorderCameraFigures,
    RecorderFigures,
    SubscriberFigures,
)

LIVE = CameraFigures(state="live", fps=15.0, lost=0, age_ms=20.0, age_error_ms=1.0, silent_ms=40)
FARM = """version: 1
site: farm
cameras:
  barn: {source: test}
  yard: {source: test}
  own: {source: custom}
recorders:
  archive: {path: recordings}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    path = tmp_path / "site.yaml"
    path.write_text(FARM, encoding="utf-8")
    return load_site(path)


def status(
    node: str,
    kind: str,
    state: str = "live",
    *,
    message: str | None = None,
    publisher: PublisherFigures | None = None,
    recorded: RecorderCameraFigures | None = None,
) -> Status:
    """`recorded`: of yard, by this recorder."""
    return Status(
        node=node,
        kind=kind,
        time=1,
        state=state,
        message=message,
        publisher=publisher,
        recorder=None if recorded is None else RecorderFigures(cameras={"yard": recorded}),
    )


def words(*statuses: Status, silent_s: float = 0.5) -> dict[str, LastStatus]:
    return {one.node: LastStatus(one, silent_s) for one in statuses}


def broker(
    subscribers: dict[str, SubscriberFigures] | None = None, **cameras: CameraFigures
) -> Status:
    everyone = {"barn": LIVE, "yard": LIVE, "own": LIVE, **cameras}
    figures = BrokerFigures(cameras=everyone, subscribers=subscribers or {})
    return Status(node="broker", kind="broker", time=1, state="running", broker=figures)


WELL = (
    status("barn", "camera"),
    status("yard", "camera"),
    status("archive", "recorder", "recording"),
)


def facts(site: Site, *statuses: Status, connected: bool = True, settled: bool = True) -> SiteFacts:
    return gather(site, words(*statuses), lambda _: False, connected=connected, settled=settled)


def row(found: SiteFacts, name: str) -> CameraFacts:
    return next(camera for camera in found.cameras if camera.name == name)


def test_when_all_is_well_one_short_sentence_says_so(site: Site) -> None:
    """Normal is silent."""
    found = facts(site, broker(), *WELL)

    assert found.summary == "3 live."
    assert all(node.well for node in found.nodes)


def test_trouble_comes_first_then_the_name(site: Site) -> None:
    """And is in the first sentence."""
    gone = replace(LIVE, state="offline", silent_ms=70_000)

    found = facts(site, broker(yard=gone), *WELL)

    assert [camera.name for camera in found.cameras] == ["yard", "barn", "own"]
    assert found.summary == "2 of 3 live, 1 offline. 1 thing needs attention: yard is offline."


def test_the_age_of_what_stopped_goes_on_growing(site: Site) -> None:
    """Age when it came, plus the silence since, plus the age of the report."""
    stopped = replace(LIVE, state="stale", silent_ms=8000)

    camera = row(facts(site, broker(yard=stopped), *WELL), "yard")

    assert camera.age_s == pytest.approx(0.02 + 8.0 + 0.5)
    assert camera.fps is None


def test_nothing_is_live_without_the_broker(site: Site) -> None:
    """What was said last is old now."""
    found = facts(site, broker(), *WELL, connected=False)

    assert {camera.state for camera in found.cameras} == {"stale"}
    assert (
        found.summary
        == "0 of 3 live, 3 stale. 1 thing needs attention: the broker does not answer."
    )


def test_why_the_broker_cannot_be_reached_stands_in_its_place(site: Site) -> None:
    """At once, also while nodes may still be starting."""
    found = gather(
        site, {}, lambda _: False, connected=False, settled=False, trouble="not permitted: a, b"
    )

    assert found.needs == ("not permitted: a, b",)


def test_a_camera_with_an_unknown_clock_is_late(site: Site) -> None:
    """Its age is unknown, so it is not called live."""
    unsure = replace(LIVE, state="late", age_ms=None, age_error_ms=None)

    camera = row(facts(site, broker(yard=unsure), *WELL), "yard")

    assert (camera.state, camera.age_s) == ("late", None)


def test_normal_situations_are_not_trouble(site: Site) -> None:
    """An unwatched camera is idle, a file that is over has ended; the counts add up."""
    idle = replace(LIVE, state="idle")
    over = replace(LIVE, state="ended", silent_ms=900_000)
    ended = status("barn", "camera", "ended")

    found = facts(
        site, broker(yard=idle, barn=over), ended, status("yard", "camera", "idle"), WELL[2]
    )

    assert found.summary == "1 of 3 live, 1 idle, 1 ended."
    assert [camera.name for camera in found.cameras] == ["own", "yard", "barn"]
    assert {camera.trouble for camera in found.cameras} == {""}
    assert all(node.well for node in found.nodes)


def test_each_loss_has_its_place_and_reason(site: Site) -> None:
    """Frames that were never sent are distinguished from those that were lost on the way."""
    lossy = replace(LIVE, lost=12, refused={"old": 2})
    unsent = status("yard", "camera", publisher=PublisherFigures(unsent=5))
    recorder = status("archive", "recorder", "recording", recorded=RecorderCameraFigures(lost=3))

    camera = row(facts(site, broker(yard=lossy), unsent, recorder), "yard")

    assert camera.lost == 15
    assert camera.lost_where == (
        "5 not sent: the broker was away or the link was full, 5 between camera and broker, "
        "2 refused by the broker, 3 not written by archive"
    )


def test_recorded_until_is_that_of_the_recorder_furthest_behind(site: Site) -> None:
    """With two recorders, what both have."""
    recorders = [
        status(name, "recorder", recorded=RecorderCameraFigures(recorded_until=until))
        for name, until in (("archive", 2_000_000_000), ("second", 1_000_000_000))
    ]

    camera = row(facts(site, broker(), *recorders), "yard")

    assert (camera.recorded_until_ns, camera.recorders) == (1_000_000_000, 2)
    assert row(facts(site, broker()), "yard").recorders == 0


def test_a_node_in_trouble_is_named_with_its_own_words(site: Site) -> None:
    """What it said last, in short."""
    full = status("archive", "recorder", "disk-full", message="The disk is full; free some space.")

    found = facts(site, broker(), *WELL[:2], full)

    assert found.needs == ("archive is disk-full: The disk is full",)
    assert found.nodes[0].name == "archive"


def test_the_last_error_of_a_live_camera_is_still_shown(site: Site) -> None:
    """It has recovered, but the error may still matter."""
    mended = status("yard", "camera", publisher=PublisherFigures(last_error="It was unplugged."))

    assert row(facts(site, broker(), mended), "yard").trouble == "last: It was unplugged"


def test_motion_without_frames_is_not_trouble_of_its_own(tmp_path: Path) -> None:
    """What is wrong is wrong with the camera."""
    path = tmp_path / "site.yaml"
    path.write_text(FARM + "motion:\n  watch: {cameras: [yard]}\n", encoding="utf-8")

    found = facts(load_site(path), broker(), *WELL, status("watch", "motion", "waiting"))

    assert found.needs == ()


def test_a_node_that_was_never_heard_is_missed(site: Site) -> None:
    """But not while everything is starting, and never a camera of another program."""
    assert facts(site, broker(), *WELL[1:]).needs == ("barn was not heard",)
    assert facts(site, broker(), *WELL[1:], settled=False).needs == ()
    starting = facts(site, settled=False, connected=False)
    assert starting.needs == ()
    assert {camera.trouble for camera in starting.cameras} == {""}


def test_a_node_that_stopped_talking_is_silent(site: Site) -> None:
    """Its last word is not repeated as if it were true."""
    found = gather(
        site,
        {**words(broker(), *WELL[1:]), **words(WELL[0], silent_s=30)},
        lambda _: False,
        connected=True,
    )

    assert found.needs == ("barn is silent",)


def test_subscribers_are_listed_with_what_they_got(site: Site) -> None:
    """One without cameras is not listed."""
    readers = {
        "archive": SubscriberFigures(
            mode="every",
            cameras=3,
            account=AccountFigures(delivered=900, lost={"ring-overrun": 3, "uplink": 1}),
        ),
        "top-1": SubscriberFigures(mode="latest", cameras=0),
    }
    late = status("archive", "recorder", "recording", recorded=RecorderCameraFigures(age_ms=80.0))

    (one,) = facts(site, broker(readers), *WELL[:2], late).subscribers

    assert (one.name, one.mode, one.delivered, one.lost, one.age_ms) == (
        "archive", "every", 900, 4, 80.0
    )  # fmt: skip
    assert one.lost_why == "3 ring-overrun, 1 uplink"


def test_a_state_of_a_newer_broker_is_unknown_not_wrong(site: Site) -> None:
    """A state that this program does not know is not shown as one that it knows."""
    odd = CameraFigures(state="dreaming")

    camera = row(facts(site, broker(yard=odd), *WELL), "yard")

    assert (camera.state, camera.fps, camera.lost, camera.age_s) == ("waiting", None, None, None)


def test_a_status_is_as_old_as_its_last_change() -> None:
    """The receiver's clock counts; the same status again changes nothing."""
    heard = LastStatuses()
    first = status("yard", "camera")
    heard.update({"yard": first}, 10.0)
    heard.update({"yard": first}, 20.0)

    assert heard.words(20.0)["yard"].silent_s == 10.0
    assert heard.words(20.0)["yard"].gone


def test_the_reason_for_no_picture_comes_from_the_node_that_knows() -> None:
    """The broker's silence first, then the node's, then its own words."""
    unplugged = words(status("yard", "camera", "waiting", message="It was unplugged."))

    assert camera_trouble("yard", {}, connected=False) == "the broker does not answer"
    assert camera_trouble("yard", unplugged, connected=True) == "It was unplugged"
    silent = words(status("yard", "camera"), silent_s=9)
    assert camera_trouble("yard", silent, connected=True) == "its node stopped answering"
    assert camera_trouble("yard", words(broker()), connected=True) == "its node was not heard"
    stalled = words(status("yard", "camera", "stale"))
    assert camera_trouble("yard", stalled, connected=True) == "its source stopped"
