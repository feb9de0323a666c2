"""One camera of the window: what has arrived, what is on the screen, and the words for it.

It decides from its own clock. A message that does not come cannot keep a picture live.
"""

from __future__ import annotations

from dataclasses import dataclass

import pygame

from camfan import Frame
from camfan_config.site.pace import StateLimits
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.board import ArrivedFrame
from camfan_nodes.monitor.last_status import limits_said, state_said
from camfan_nodes.monitor.observer import CameraObserver, ObservedState, WorstAge
from camfan_nodes.monitor.words import (
    AGE_UNKNOWN,
    NO_PICTURE,
    age_text,
    fps_text,
    old_text,
    time_text,
)
from camfan_nodes.viewer.decoder import DecodedTile
from camfan_nodes.viewer.tile import Plate, TileView, stale_look
from camfan_wire.figures import CameraFigures
from camfan_wire.states import LIVE, CameraState


@dataclass(frozen=True, slots=True)
class DrawingMoment:
    """What is true for all cameras when the window is drawn."""

    now_s: float  # monotonic
    site_ns: int
    connected: bool
    paused_ns: int | None = None  # since when, site clock


class CameraView:
    """Used by the window's thread only."""

    def __init__(
        self, name: str, label: str, asked_s: float, asked_ns: int, limits: StateLimits
    ) -> None:
        """`limits`: those of the site file, until the broker has sent its own."""
        self.name = name
        self.label = label  # what people are shown
        self._asked_ns = asked_ns
        self._watch = CameraObserver(asked_s, limits)
        self._worst = WorstAge()
        self._newest: ArrivedFrame | None = None
        self._shown: ArrivedFrame | None = None  # what the picture on the screen was made of
        self._asked: ArrivedFrame | None = None  # what the decoder was last given
        self._picture: pygame.Surface | None = None
        self._stale: pygame.Surface | None = None
        self._trouble = ""
        self._state_said: CameraState | None = None
        self._said: CameraFigures | None = None
        self._frozen = False  # was live when the window was paused

    def said(self, figures: CameraFigures | None) -> None:
        """What the broker says of it: its limits and its state."""
        if figures is not self._said:
            self._said = figures
            self._state_said = state_said(figures)
            self._watch.broker_limits = limits_said(figures) or self._watch.broker_limits

    def arrived(self, came: list[ArrivedFrame]) -> None:
        for one in came:
            self._watch.arrived(one.arrival)
        self._newest = came[-1]

    def wanted(self, *, paused: bool) -> ArrivedFrame | None:
        """The frame to decode for the screen, returned once."""
        target = self._shown if paused else self._newest
        if target is self._asked:
            return None
        self._asked = target
        return target

    def show(self, decoded: DecodedTile) -> None:
        """Puts a decoded picture on the screen, or keeps the reason why there is none."""
        if decoded.source is not self._asked:
            return  # requested before the window changed
        self._shown = decoded.source
        self._stale = None
        self._trouble = decoded.trouble
        self._picture = None if decoded.rgb is None else _surface(decoded)

    def hide(self, *, paused: bool) -> None:
        """Drops the picture, to be decoded again: an old decoding must not come back."""
        self._picture = self._stale = self._asked = None
        self._trouble = ""
        if not paused:
            self._shown = None

    def resize(self) -> None:
        """The tile has another size now: the picture must be decoded for it."""
        self._asked = None

    def pause(self, moment: DrawingMoment) -> None:
        """From now on the newest frame of this moment is the one on the screen, if it is live."""
        self._frozen = self.look(moment).state in LIVE
        if self._frozen:
            self._shown = self._newest
            self._asked = None

    @property
    def picture_on_screen(self) -> Frame | None:
        """The frame that a person sees now, or would if the camera were visible."""
        source = self._shown or self._newest
        return None if source is None else source.frame

    def look(self, moment: DrawingMoment) -> ObservedState:
        return self._watch.look(moment.now_s, connected=moment.connected, said=self._state_said)

    def view(self, moment: DrawingMoment, *, why: str, motion: bool, selected: bool) -> TileView:
        """What the tile shows now; `why` is what is known of the reason if it is not live."""
        look = self.look(moment)
        if moment.paused_ns is not None and (self._frozen or look.state in LIVE):
            return self._paused(moment, moment.paused_ns, selected=selected)
        if look.state == "waiting":
            return self._waiting(moment, selected=selected)
        if look.state == "offline":
            return self._offline(look, moment, why, selected=selected)
        if look.state == "ended":
            return self._ended_view(look, moment, selected=selected)
        if look.state == "stale" or self._lagging:
            why = why if look.state == "stale" else "this machine decodes too slowly"
            return self._stale_view(moment, why, selected=selected)
        return self._live(look.state, look, moment, motion=motion, selected=selected)

    @property
    def _lagging(self) -> bool:
        if self._shown is None or self._newest is None:
            return False
        behind_s = self._newest.arrival.received_s - self._shown.arrival.received_s
        return behind_s >= self._watch.limits.stale_s

    def _live(
        self,
        state: CameraState,
        look: ObservedState,
        moment: DrawingMoment,
        *,
        motion: bool,
        selected: bool,
    ) -> TileView:
        age_s, error_s = self._age(moment)
        self._worst.note(moment.now_s, age_s, error_s)
        shown = self._worst.shown
        calm = state == "live"
        text = AGE_UNKNOWN if shown is None else age_text(*shown)
        return TileView(
            name=self.label,
            picture=self._picture,
            plate=self._broken_plate(),
            age=text,
            age_colour=tokens.TEXT if calm else tokens.WARN,
            sign="" if calm else "late",
            bar=None if shown is None else (shown[0] - shown[1], shown[0] + shown[1]),
            limits=self._watch.limits,
            fps=fps_text(look.fps),
            motion=motion,
            selected=selected,
        )

    def _broken_plate(self) -> Plate | None:
        if not self._trouble:
            return None
        number = "" if self._shown is None else f"Frame {self._shown.frame.sequence}"
        return Plate("broken", "Not a picture", tokens.BAD, number, _plain(self._trouble))

    def _stale_view(self, moment: DrawingMoment, why: str, *, selected: bool) -> TileView:
        if self._picture is not None and self._stale is None:
            self._stale = stale_look(self._picture)
        limits = self._watch.limits
        return TileView(
            name=self.label,
            picture=self._stale,
            plate=Plate("stale", "Stale", tokens.WARN, self._since(moment), why),
            age=self._old(moment),
            age_colour=tokens.WARN,
            bar=(limits.stale_s, limits.stale_s),
            limits=limits,
            selected=selected,
        )

    def _ended_view(
        self, look: ObservedState, moment: DrawingMoment, *, selected: bool
    ) -> TileView:
        if self._picture is not None and self._stale is None:
            self._stale = stale_look(self._picture)
        title = "" if look.since_ns is None else self._since(moment)
        return TileView(
            name=self.name,
            picture=self._stale,
            plate=Plate("ended", "Ended", tokens.QUIET, title, "its source has ended"),
            age=self._old(moment),
            selected=selected,
        )

    def _paused(self, moment: DrawingMoment, since_ns: int, *, selected: bool) -> TileView:
        title = f"since {time_text(since_ns, moment.site_ns)}"
        limits = self._watch.limits
        return TileView(
            name=self.label,
            picture=self._picture if self._frozen else None,
            frozen=True,
            plate=Plate("paused", "Paused", tokens.WARN, title),
            age=self._old(moment),
            age_colour=tokens.WARN,
            bar=(limits.stale_s, limits.stale_s),
            limits=limits,
            selected=selected,
        )

    def _waiting(self, moment: DrawingMoment, *, selected: bool) -> TileView:
        asked = time_text(self._asked_ns, moment.site_ns)
        ends = time_text(self._asked_ns + int(self._watch.limits.offline_s * 1e9), moment.site_ns)
        detail = f"asked for at {asked}; offline if none comes until {ends}"
        plate = Plate("waiting", "Waiting", tokens.QUIET, "No picture yet", detail)
        return TileView(name=self.label, plate=plate, age=NO_PICTURE, selected=selected)

    def _offline(
        self, look: ObservedState, moment: DrawingMoment, why: str, *, selected: bool
    ) -> TileView:
        title = "No picture came" if look.since_ns is None else self._since(moment)
        plate = Plate("offline", "Offline", tokens.BAD, title, why)
        return TileView(name=self.label, plate=plate, age=NO_PICTURE, selected=selected)

    def _since(self, moment: DrawingMoment) -> str:
        source = self._shown or self._newest
        return (
            "" if source is None else f"since {time_text(source.arrival.taken_ns, moment.site_ns)}"
        )

    def _old(self, moment: DrawingMoment) -> str:
        if self._newest is None:
            return NO_PICTURE
        age_s, _ = self._age(moment)
        return AGE_UNKNOWN if age_s is None else old_text(age_s)

    def _age(self, moment: DrawingMoment) -> tuple[float | None, float]:
        """How old what is on the screen is."""
        source = self._shown or self._newest
        if source is None or source.arrival.age_s is None:
            return None, 0.0
        arrival = source.arrival
        return source.arrival.age_s + moment.now_s - arrival.received_s, arrival.error_s


def _surface(decoded: DecodedTile) -> pygame.Surface:
    assert decoded.rgb is not None
    high, wide = decoded.rgb.shape[:2]
    whole = pygame.image.frombuffer(decoded.rgb.tobytes(), (wide, high), "RGB")
    size = (decoded.width, decoded.height)
    return whole if whole.get_size() == size else pygame.transform.smoothscale(whole, size)


def _plain(trouble: str) -> str:
    """The decoder's complaint without the name of its function."""
    return f"its JPEG cannot be decoded: {trouble.rsplit('(): ', 1)[-1]}"
