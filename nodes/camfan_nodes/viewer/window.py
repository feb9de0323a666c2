"""The window: cameras in a grid or one alone, keys, and the clock that decides what is live.

It draws what `camera`, `tile` and `chrome` describe, and knows neither sockets nor signals.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pygame

from camfan import Frame
from camfan_config.site.pace import StateLimits
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.board import FrameFeed
from camfan_nodes.monitor.last_status import LastStatuses, camera_trouble, said_of_camera
from camfan_nodes.monitor.words import need_text, time_text
from camfan_nodes.viewer import chrome
from camfan_nodes.viewer.camera import CameraView, DrawingMoment
from camfan_nodes.viewer.decoder import Decoder
from camfan_nodes.viewer.grid import Box, fit
from camfan_nodes.viewer.lettering import can_draw
from camfan_nodes.viewer.snapshot import save
from camfan_nodes.viewer.tile import paint_tile, picture_height
from camfan_wire.states import LIVE, TROUBLE, CameraState, live_text

TURN_MS = 100  # at most between two looks at the clock
FASTEST_S = 1 / 30  # at least between two drawings
ANSWER_S = 6.0
CONNECT_S = 3.0  # after the start, until a silent broker is reported
_EDGE = 8
_SHOWN: tuple[CameraState, ...] = (*LIVE, "stale", "ended")  # in these a tile has a picture


class ViewerWindow:
    """One SDL window. Everything but `wake` belongs to the thread that made it.

    `titles` and `limits`: of each camera, as the site file has them.
    """

    def __init__(
        self,
        surface: pygame.Surface,
        source: FrameFeed,
        cameras: Sequence[str],
        *,
        site: str,
        titles: Mapping[str, str],
        limits: Mapping[str, StateLimits],
        folder: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.surface = surface
        self.finished = False
        self._source = source
        self._site = site
        self._folder = folder
        self._clock = clock
        self._started_s = clock()
        self._cameras = [
            CameraView(name, _label(name, titles), clock(), source.site_ns(), limits[name])
            for name in cameras
        ]
        self._decoder = Decoder(self.wake)
        self._heard = LastStatuses()
        self._woken = False
        self._selected: int | None = None
        self._alone = False
        self._paused_ns: int | None = None
        self._help = False
        self._answer = ("", 0.0)
        self._lost_ns: int | None = None
        self._drawn_s = 0.0
        self._sizes: dict[str, tuple[int, int]] = {}  # of the tiles, as last decoded for
        self._small_size: tuple[int, int] | None = None  # while the window fills the screen

    def close(self) -> None:
        self._decoder.close()

    def wake(self) -> None:
        """There is something new to draw. Any thread."""
        if not self._woken:
            self._woken = True
            pygame.event.post(pygame.event.Event(pygame.USEREVENT))

    def turn(self) -> None:
        """Waits for an event, and shows it."""
        for event in [pygame.event.wait(TURN_MS), *pygame.event.get()]:
            self.handle(event)
        left_s = self._drawn_s + FASTEST_S - self._clock()
        if left_s > 0:
            pygame.time.wait(round(left_s * 1000))
        self._woken = False
        self.draw()
        pygame.display.flip()

    def handle(self, event: pygame.event.Event) -> None:
        if event.type == pygame.QUIT:
            self.finished = True
        elif event.type == pygame.KEYDOWN:
            self._key(event)
        elif event.type == pygame.VIDEORESIZE:
            self.surface = pygame.display.get_surface() or self.surface
        elif event.type == pygame.MOUSEBUTTONDOWN and event.button == 1:
            self._clicked(event.pos)

    def draw(self) -> None:
        """Takes what has arrived and paints the whole window."""
        moment = self._moment()
        self._heard.update(self._source.statuses, moment.now_s)
        self._take()
        self._paint(moment)
        self._drawn_s = self._clock()

    def _moment(self) -> DrawingMoment:
        now_s = self._clock()
        connected = self._source.connected
        if connected or now_s - self._started_s < CONNECT_S:
            self._lost_ns = None
        elif self._lost_ns is None:
            self._lost_ns = self._source.site_ns()
        return DrawingMoment(now_s, self._source.site_ns(), connected, self._paused_ns)

    def _moment_of(self, camera: CameraView, moment: DrawingMoment) -> DrawingMoment:
        """Where there are several brokers, one camera's may answer and another's not."""
        answers = not moment.connected or self._source.answers(camera.name)
        return moment if answers else replace(moment, connected=False)

    def _visible(self) -> list[tuple[CameraView, Box]]:
        """The cameras on the screen and where they are."""
        width, height = self.surface.get_size()
        top = chrome.head_height(width)
        if self._banner() is not None:
            top += chrome.banner_height(width) + _EDGE
        shown = (
            [self._cameras[self._selected]]
            if self._alone and self._selected is not None
            else self._cameras
        )
        grid = fit(len(shown), max(1, width - 2 * _EDGE), max(1, height - top - _EDGE))
        return [
            (camera, Box(box.left + _EDGE, box.top + top, box.width, box.height))
            for camera, box in zip(shown, grid.boxes, strict=True)
        ]

    def _take(self) -> None:
        new = self._source.board.take()
        by_name = {camera.name: camera for camera in self._cameras}
        for name, came in new.items():
            if name in by_name:
                by_name[name].arrived(came)
        for decoded in self._decoder.take():
            by_name[decoded.source.frame.camera].show(decoded)
        visible = self._visible()
        sizes = {camera.name: (box.width, box.height) for camera, box in visible}
        if sizes != self._sizes:
            self._sizes = sizes
            for camera, _ in visible:
                camera.resize()
        for camera, box in visible:
            source = camera.wanted(paused=self._paused_ns is not None)
            if source is not None:
                self._decoder.ask(source, box.width, picture_height(box))

    def _paint(self, moment: DrawingMoment) -> None:
        self.surface.fill(tokens.PAGE)
        words = self._heard.words(moment.now_s)
        for camera in self._cameras:
            camera.said(said_of_camera(camera.name, words))
        looks = [camera.look(self._moment_of(camera, moment)) for camera in self._cameras]
        troubles = [
            f"{camera.label} is {look.state}"
            for camera, look in zip(self._cameras, looks, strict=True)
            if look.state in TROUBLE
        ]
        paused = f"0 of {len(looks)} live, paused" if self._paused_ns is not None else None
        second = "" if self._banner() is not None else need_text(troubles)
        first = paused or live_text(look.state for look in looks)
        chrome.paint_head(self.surface, first, second, self._site)
        self._paint_banner(moment)
        for camera, box in self._visible():
            own = self._moment_of(camera, moment)
            why = camera_trouble(camera.name, words, connected=own.connected)
            view = camera.view(
                own,
                why=why,
                motion=self._source.board.moving(camera.name, moment.now_s),
                selected=not self._alone and self._is_selected(camera),
            )
            paint_tile(self.surface, box, view)
        if self._answer[0] and moment.now_s < self._answer[1]:
            chrome.paint_answer(self.surface, self._answer[0])
        if self._help:
            chrome.paint_help(self.surface)

    def _is_selected(self, camera: CameraView) -> bool:
        return self._selected is not None and self._cameras[self._selected] is camera

    def _banner(self) -> tuple[str, str] | None:
        if self._source.board.failure is not None:
            return "The broker rejected this window.", str(self._source.board.failure)
        now_ns = self._source.site_ns()
        if self._source.trouble is not None and not self._source.connected:
            return "The broker does not let this window in.", self._source.trouble
        if self._lost_ns is not None:
            lost = time_text(self._lost_ns, now_ns)
            return (
                f"The broker has not answered since {lost}.",
                "Every picture here is old. Trying again.",
            )
        if self._paused_ns is not None:
            since = time_text(self._paused_ns, now_ns)
            return f"Paused since {since}.", "These pictures are not live. Press space to continue."
        return None

    def _paint_banner(self, moment: DrawingMoment) -> None:
        words = self._banner()
        if words is not None:
            colour = tokens.WARN if moment.connected else tokens.BAD
            top = chrome.head_height(self.surface.get_width())
            chrome.paint_banner(self.surface, top, *words, colour)

    def _key(self, event: pygame.event.Event) -> None:
        if self._help:
            self._help = False
        elif event.key == pygame.K_q:
            self.finished = True
        elif event.unicode == "?" or event.key == pygame.K_F1:
            self._help = True
        elif event.key in (pygame.K_f, pygame.K_F11):
            self._toggle_full_screen()
        elif event.key == pygame.K_SPACE:
            self._pause()
        elif event.key == pygame.K_s:
            self._save()
        else:
            self._move(event.key)

    def _toggle_full_screen(self) -> None:
        if self._small_size is None:
            self._small_size = self.surface.get_size()
            self.surface = pygame.display.set_mode((0, 0), pygame.FULLSCREEN)
        else:
            self.surface = pygame.display.set_mode(self._small_size, pygame.RESIZABLE)
            self._small_size = None

    def _move(self, key: int) -> None:
        columns = 1 if self._alone else max(1, _columns(self._visible()))
        steps = {
            pygame.K_RIGHT: 1, pygame.K_LEFT: -1, pygame.K_DOWN: columns, pygame.K_UP: -columns
        }  # fmt: skip
        if key in steps and self._cameras:
            self._select(0 if self._selected is None else self._selected + steps[key])
        elif key in (pygame.K_RETURN, pygame.K_KP_ENTER) and self._cameras:
            self._selected = self._selected or 0
            self._open(alone=True)
        elif key == pygame.K_ESCAPE:
            if self._alone:
                self._open(alone=False)
            else:
                self._selected = None

    def _select(self, index: int) -> None:
        if 0 <= index < len(self._cameras):
            changed = index != self._selected
            self._selected = index
            if self._alone and changed:
                self._others_shown()

    def _open(self, *, alone: bool) -> None:
        self._alone = alone
        self._others_shown()

    def _clicked(self, place: tuple[int, int]) -> None:
        if self._alone:
            self._open(alone=False)
            return
        for index, (_, box) in enumerate(self._visible()):
            if pygame.Rect(box.left, box.top, box.width, box.height).collidepoint(place):
                self._selected = index
                self._open(alone=True)
                return

    def _others_shown(self) -> None:
        """Other cameras are visible now: decode their newest frames."""
        for camera in self._cameras:
            camera.hide(paused=self._paused_ns is not None)

    def _pause(self) -> None:
        if self._paused_ns is None:
            moment = self._moment()
            self._paused_ns = moment.site_ns
            for camera in self._cameras:
                camera.pause(moment)
        else:
            self._paused_ns = None
            for camera in self._cameras:
                camera.hide(paused=False)

    def _save(self) -> None:
        chosen = self._cameras if self._selected is None else [self._cameras[self._selected]]
        moment = self._moment()
        frames: list[Frame] = []
        for camera in chosen:
            frame = camera.picture_on_screen
            on_screen = self._paused_ns is not None or camera.look(moment).state in _SHOWN
            if frame is not None and on_screen:
                frames.append(frame)
        self._answer = (save(frames, self._folder), self._clock() + ANSWER_S)


def _label(camera: str, titles: Mapping[str, str]) -> str:
    """Its title, if there is one that this window can draw."""
    title = titles.get(camera, camera)
    return title if can_draw(title) else camera


def _columns(visible: list[tuple[CameraView, Box]]) -> int:
    return sum(box.top == visible[0][1].top for _, box in visible)
