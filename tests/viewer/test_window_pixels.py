"""What the window shows, read from its pixels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pygame
import pytest
import simplejpeg

from camfan import Event, Frame
from camfan_config.site.pace import Pace
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.board import Board
from camfan_nodes.viewer import chrome
from camfan_nodes.viewer.grid import Box
from camfan_nodes.viewer.tile import TileView, paint_tile, picture_height
from camfan_nodes.viewer.window import ViewerWindow
from camfan_testing.live import wait_until
from camfan_wire.clock import ClockEstimate
from camfan_wire.header import Header
from camfan_wire.messages import Status

COLOUR = (30, 60, 220)
SIZE = (1280, 800)
LEVELS = (40, 92, 144, 196, 248)
COLOURS = [(r, g, b) for r in LEVELS for g in LEVELS for b in LEVELS]
COLOURS.sort(key=lambda colour: max(colour) - min(colour), reverse=True)  # greys last


class FakeSource:
    """A broker that says what the test wants."""

    def __init__(self) -> None:
        self.board = Board()
        self.connected = True
        self.silent: set[str] = set()  # cameras whose broker does not answer
        self.statuses: dict[str, Status] = {}
        self.trouble: str | None = None

    def answers(self, camera: str) -> bool:
        return self.connected and camera not in self.silent

    def site_ns(self) -> int:
        return time.time_ns()


class Stage:
    """A window, its clock, and what it is shown."""

    def __init__(self, surface: pygame.Surface, folder: Path, cameras: list[str]) -> None:
        self.now_s = 100.0
        self.source = FakeSource()
        self.window = ViewerWindow(
            surface,
            self.source,
            cameras,
            site="farm",
            titles={},
            limits=dict.fromkeys(cameras, Pace().limits),
            folder=folder,
            clock=lambda: self.now_s,
        )
        self._sequence = 0

    def send(self, camera: str, jpeg: bytes | None = None, taken_s_ago: float = 0.05) -> Frame:
        """A picture comes from the broker."""
        shown = picture() if jpeg is None else jpeg
        self._sequence += 1
        clock = synchronous_clock()
        header = Header(
            version=1, camera=camera, run="0" * 16, sequence=self._sequence,
            captured=clock.site_ns() - int(taken_s_ago * 1e9), offset=0, error=1_000_000,
            width=320, height=180, size=len(shown),
        )  # fmt: skip
        frame = Frame(header, shown, clock)
        self.source.board.put(frame, self.now_s)
        return frame

    def until(self, condition: Callable[[], bool]) -> None:
        """Draw until it is so: decoding happens on another thread."""

        def drawn() -> bool:
            self.window.draw()
            return condition()

        wait_until(drawn)

    def at(self, x: float, y: float) -> tuple[int, int, int]:
        """The colour at a place of the window, both 0 to 1."""
        width, height = self.window.surface.get_size()
        colour = self.window.surface.get_at((round(x * (width - 1)), round(y * (height - 1))))
        return colour.r, colour.g, colour.b

    def area(self, x: float, y: float) -> np.ndarray:
        """The pixels around a place of the window."""
        width, height = self.window.surface.get_size()
        left, top = round(x * width) - 20, round(y * height) - 20
        pixels: np.ndarray = pygame.surfarray.array3d(self.window.surface)
        return pixels[left : left + 40, top : top + 40].astype(int)

    def has(self, colour: tuple[int, int, int]) -> bool:
        """Somewhere in the window, more than a few pixels of it."""
        return bool(is_near(pixels_of(self.window.surface)[::8, ::8], colour).any())

    def box_of(self, colour: tuple[int, int, int]) -> pygame.Rect | None:
        """The rectangle that has this colour; None if there is none, or other colours are in it."""
        near = is_near(pixels_of(self.window.surface), colour)
        if not near.any():
            return None
        columns, rows = np.nonzero(near)
        left, right, top, bottom = columns.min(), columns.max(), rows.min(), rows.max()
        whole = near[left : right + 1, top : bottom + 1].mean() > 0.97  # corners may be round
        return pygame.Rect(left, top, right - left + 1, bottom - top + 1) if whole else None

    def press(self, key: int, text: str = "") -> None:
        self.window.handle(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=text))


def picture(colour: tuple[int, int, int] = COLOUR) -> bytes:
    pixels = np.full((180, 320, 3), colour, np.uint8)
    encoded: bytes = simplejpeg.encode_jpeg(pixels, 95, "RGB", "444")
    return encoded


def pixels_of(surface: pygame.Surface) -> np.ndarray:
    pixels: np.ndarray = pygame.surfarray.array3d(surface)
    return pixels


def is_near(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Which pixels have this colour, as far as JPEG keeps it."""
    near: np.ndarray = abs(pixels.astype(np.int16) - np.array(colour, np.int16)).max(axis=2) < 10
    return near


def synchronous_clock() -> ClockEstimate:
    """The clock of a broker on this machine, known to a millisecond."""
    clock = ClockEstimate()
    now_ns = time.monotonic_ns()
    wall_ns = time.time_ns()
    clock.add("b", 1, now_ns - 1_000_000, wall_ns, wall_ns, now_ns)
    return clock


def is_coloured(colour: tuple[int, int, int]) -> bool:
    return max(colour) - min(colour) > 100


def is_grey(colour: tuple[int, int, int]) -> bool:
    return max(colour) - min(colour) < 12


@contextmanager
def stage(surface: pygame.Surface, folder: Path, *cameras: str) -> Iterator[Stage]:
    made = Stage(surface, folder, list(cameras))
    try:
        yield made
    finally:
        made.window.close()


@pytest.fixture
def one(screen: pygame.Surface, tmp_path: Path) -> Iterator[Stage]:
    """A window with one camera, whose picture is on the screen."""
    with stage(screen, tmp_path, "yard") as made:
        made.send("yard")
        made.until(lambda: is_coloured(made.at(0.5, 0.3)))
        yield made


def test_a_live_picture_is_shown_as_it_is(one: Stage) -> None:
    """In its colours, and with no text or mark upon it."""
    assert one.at(0.5, 0.5) == pytest.approx(COLOUR, abs=6)
    assert (abs(one.area(0.5, 0.5) - np.array(COLOUR)) < 8).all()


def test_a_picture_that_stopped_turns_grey_dark_and_hatched(one: Stage) -> None:
    """By the window's own clock: nothing has to come for it to happen."""
    live = sum(one.at(0.25, 0.3))

    one.now_s += 3.1
    one.window.draw()

    around = one.area(0.25, 0.3)
    assert (np.ptp(around, axis=2) < 4).all(), "a stale picture has no colour"
    assert around.mean() * 3 < 0.75 * live, "it is darker than it was"
    assert np.unique(around[:, :, 0]).size > 1, "hatched: an even surface is even no more"


def test_after_a_minute_there_is_no_picture_at_all(one: Stage) -> None:
    """An offline camera shows words, not what it once saw."""
    one.now_s += 60.5
    one.window.draw()

    assert one.at(0.1, 0.2) == pytest.approx((11, 12, 13), abs=30)
    assert is_grey(one.at(0.25, 0.3))


def test_without_the_broker_everything_is_stale_at_once(one: Stage) -> None:
    """Nothing that was live a moment ago looks as if it still were; a banner says why."""
    one.source.connected = False
    one.now_s += 0.1
    one.window.draw()

    assert is_grey(one.at(0.25, 0.3))


def test_one_of_several_brokers_that_is_gone_makes_its_cameras_stale(one: Stage) -> None:
    """At once, and no others'."""
    one.source.silent = {"yard"}
    one.now_s += 0.1
    one.window.draw()

    assert is_grey(one.at(0.25, 0.3))


def test_the_banner_takes_its_room_from_the_pictures(one: Stage) -> None:
    """It is above them, not below; what is stale is decoded again for the room that is left."""
    one.now_s += 4
    one.source.connected = False
    one.window.draw()

    one.until(lambda: hatched_at(one, 0.25, 0.3))

    strip = pygame.surfarray.array3d(one.window.surface)[10:1270, 50, :].astype(int)
    assert np.ptp(strip[700:], axis=0).max() < 5, "an even surface to the right of the words"


def test_a_window_that_is_not_let_in_says_why(one: Stage) -> None:
    """At once, in the banner; and no more once the broker answers."""
    one.source.trouble = "not permitted: this key is unknown"
    one.source.connected = False
    one.window.draw()
    banner = pygame.surfarray.array3d(one.window.surface)[:, 45:75, :].astype(int)
    one.source.connected = True
    one.window.draw()
    after = pygame.surfarray.array3d(one.window.surface)[:, 45:75, :].astype(int)

    assert one.window._banner() is None
    assert np.abs(banner - after).max() > 50, "words were there, and are not any more"


def hatched_at(stage_: Stage, x: float, y: float) -> bool:
    return np.unique(stage_.area(x, y)[:, :, 0]).size > 1


def test_a_camera_that_comes_back_is_live_again(one: Stage) -> None:
    """Without anybody pressing anything."""
    one.now_s += 10
    one.window.draw()
    assert is_grey(one.at(0.25, 0.3))

    one.send("yard")

    one.until(lambda: is_coloured(one.at(0.25, 0.3)))


def test_bytes_that_are_not_a_jpeg_say_so_and_the_next_picture_is_shown(one: Stage) -> None:
    """One broken picture costs that picture; the one before it is not shown in its stead."""
    one.send("yard", b"\xff\xd8 not a picture \xff\xd9")
    one.until(lambda: is_grey(one.at(0.25, 0.3)))

    one.send("yard", picture((220, 40, 40)))

    one.until(lambda: is_coloured(one.at(0.25, 0.3)))


def test_a_pause_is_marked_and_ends(one: Stage) -> None:
    """New pictures do not show while paused, the old one is hatched over, and space goes on."""
    one.press(pygame.K_SPACE)
    one.send("yard", picture((40, 220, 40)))
    one.until(lambda: np.unique(one.area(0.2, 0.3)[:, :, 0]).size > 1)
    assert one.at(0.2, 0.3)[2] > one.at(0.2, 0.3)[1], "still the picture from before"

    one.press(pygame.K_SPACE)

    one.until(lambda: one.at(0.5, 0.3)[1] > 200)


def test_a_picture_is_never_stretched(screen: pygame.Surface, tmp_path: Path) -> None:
    """A picture of 16:9 in a window of 1:2 leaves room above, below or beside it."""
    small = pygame.display.set_mode((500, 1000), pygame.RESIZABLE)
    with stage(small, tmp_path, "yard") as made:
        made.send("yard")
        made.until(lambda: is_coloured(made.at(0.5, 0.15)))
        pixels = pygame.surfarray.array3d(small).astype(int)

    coloured = (pixels[:, :, 2] - pixels[:, :, 0]) > 100
    wide, high = coloured.any(axis=1).sum(), coloured.any(axis=0).sum()
    assert wide / high == pytest.approx(16 / 9, rel=0.02)


def test_enter_shows_one_camera_alone_and_escape_all(
    screen: pygame.Surface, tmp_path: Path
) -> None:
    """Arrows choose, Enter opens, Esc goes back; the other pictures come back fresh."""
    with stage(screen, tmp_path, "left", "right") as made:
        for camera, colour in (("left", (220, 40, 40)), ("right", (40, 40, 220))):
            made.send(camera, picture(colour))
        made.until(lambda: made.at(0.25, 0.2)[0] > 180 and made.at(0.75, 0.2)[2] > 180)

        made.press(pygame.K_RIGHT)
        made.press(pygame.K_RIGHT)
        made.press(pygame.K_RETURN)
        made.until(lambda: made.at(0.25, 0.4)[2] > 180 and made.at(0.75, 0.4)[2] > 180)

        made.press(pygame.K_ESCAPE)
        made.until(lambda: made.at(0.25, 0.2)[0] > 180 and made.at(0.75, 0.2)[2] > 180)


def test_s_saves_the_untouched_jpeg(one: Stage, tmp_path: Path) -> None:
    """Byte by byte what the camera sent, under its name and the time it was taken."""
    one.press(pygame.K_s, "s")
    one.press(pygame.K_s, "s")

    (saved,) = tmp_path.glob("yard-*Z.jpg")
    assert saved.read_bytes() == picture()


def test_motion_is_a_ring_around_the_picture(one: Stage) -> None:
    """While it lasts; its end takes the ring away."""
    one.send("yard")
    event = Event(id="m1", time=0, source="watch", kind="motion", state="start", camera="yard")
    one.source.board.put(event, one.now_s)
    one.window.draw()
    blue = pygame.Color(0x66, 0xB5, 0xFF)
    surface = one.window.surface
    column = [surface.get_at((640, y)) for y in range(100)]
    assert blue in column

    over = Event(id="m1", time=0, source="watch", kind="motion", state="end", camera="yard")
    one.source.board.put(over, one.now_s)
    one.window.draw()
    assert blue not in [surface.get_at((640, y)) for y in range(100)]


def test_help_lies_over_the_window_and_any_key_ends_it(one: Stage) -> None:
    """The keys are a key away."""
    one.press(pygame.K_QUESTION, "?")
    one.window.draw()
    assert is_grey(one.at(0.42, 0.5))

    one.press(pygame.K_ESCAPE)
    one.until(lambda: is_coloured(one.at(0.42, 0.5)))


def test_the_window_is_woken_from_any_thread(one: Stage) -> None:
    """A new picture ends the wait for keys; a turn takes no more than its time."""
    thread = threading.Thread(target=one.window.wake)
    thread.start()
    thread.join()

    one.window.turn()

    assert not one.window.finished


def test_q_and_closing_end_it(one: Stage) -> None:
    """Both ways out."""
    one.press(pygame.K_q, "q")
    assert one.window.finished

    one.window.finished = False
    one.window.handle(pygame.event.Event(pygame.QUIT))
    assert one.window.finished


@pytest.mark.parametrize("count", [1, 2, 5, 16, 64])
def test_any_number_of_cameras_fits(screen: pygame.Surface, tmp_path: Path, count: int) -> None:
    """Each has a tile in the window, all of one size, none over another one; after a minute
    without frames no picture is left.
    """
    colours = {f"camera-{number}": colour for number, colour in enumerate(COLOURS[:count])}
    with stage(screen, tmp_path, *colours) as made:
        for camera, colour in colours.items():
            made.send(camera, picture(colour))
        made.until(lambda: all(made.has(colour) for colour in colours.values()))
        boxes = [box for colour in colours.values() if (box := made.box_of(colour)) is not None]
        made.now_s += 61
        made.window.draw()
        left_over = [camera for camera, colour in colours.items() if made.has(colour)]

    assert len({box.size for box in boxes}) == 1
    for box in boxes:
        assert screen.get_rect().contains(box)
        assert box.width / box.height == pytest.approx(16 / 9, rel=0.05)
        assert box.collidelistall([one for one in boxes if one is not box]) == []
    assert not left_over


def test_a_window_without_cameras_says_so(screen: pygame.Surface, tmp_path: Path) -> None:
    """In its head; there is nothing below. Keys that need a camera change nothing."""
    expected = screen.copy()
    expected.fill(tokens.PAGE)
    chrome.paint_head(expected, "no cameras", "", "farm")
    with stage(screen, tmp_path) as made:
        made.window.draw()
        before = pixels_of(screen)
        for key in (pygame.K_RETURN, pygame.K_RIGHT, pygame.K_UP, pygame.K_ESCAPE):
            made.press(key)
        made.window.draw()
        after = pixels_of(screen)

    assert (before == pixels_of(expected)).all()
    assert (after == before).all()


def test_without_cameras_a_key_that_saves_says_that_there_is_nothing(
    screen: pygame.Surface, tmp_path: Path
) -> None:
    with stage(screen, tmp_path) as made:
        made.press(pygame.K_s)
        made.window.draw()
        shown = pixels_of(screen)
    expected = screen.copy()
    expected.fill(tokens.PAGE)
    chrome.paint_head(expected, "no cameras", "", "farm")
    chrome.paint_answer(expected, "There is no picture to save")

    assert (shown == pixels_of(expected)).all()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("title", "drawn"),
    [("Haustür links", True), ("Вход", True), ("a-1", True), ("البوابة", False),
     ("שער", False), ("👨‍👩‍👧", False), ("हिन्दी", False), ("前门", False), ("\ue000", False)],
)  # fmt: skip
def test_a_title_that_the_font_cannot_draw_gives_way_to_the_name(
    screen: pygame.Surface, tmp_path: Path, title: str, drawn: bool
) -> None:
    """No boxes, no letters that stand apart or the wrong way round."""
    window = ViewerWindow(
        screen,
        FakeSource(),
        ["porch"],
        site="farm",
        titles={"porch": title},
        limits={"porch": Pace().limits},
        folder=tmp_path,
    )
    (camera,) = window._cameras
    window.close()

    assert (camera.name, camera.label) == ("porch", title if drawn else "porch")


def test_the_age_bar_ends_where_the_camera_is_stale(screen: pygame.Surface) -> None:
    """A picture of 3 s fills the bar of a fast camera; of one that takes a picture in 7 s, not."""
    box = Box(0, 0, 320, 240)
    widths = []
    for limits in (Pace(0.1).limits, Pace(7.0).limits):
        paint_tile(screen, box, TileView(name="porch", bar=(3.0, 3.0), limits=limits))
        row = box.top + picture_height(box) + 1
        colours = [screen.get_at((x, row))[:3] for x in range(box.left, box.left + box.width)]
        widths.append(sum(colour == tokens.SECOND for colour in colours))

    assert widths[0] > 300
    assert 200 < widths[1] < 260
