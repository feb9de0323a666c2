"""What moves in the yard: people walking, a passing car, a tree in a little wind."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, exp, pi, sin

import cv2
import numpy as np

from camfan_nodes.demo.backdrop import LAMP, STREET_BOTTOM, WIDTH, Colour, Picture

_SHIFT = 4  # drawing in sixteenths of a pixel, so that slow things do not jerk
_ONE = 1 << _SHIFT


@dataclass(frozen=True, slots=True)
class Walker:
    """A person that crosses the image once per loop."""

    enters_s: float
    leaves_s: float
    ground: int  # y of the feet
    tall: int  # pixels
    coat: Colour
    trousers: Colour
    to_the_right: bool = True

    def paint(self, picture: Picture, at_s: float) -> None:
        if not self.enters_s <= at_s <= self.leaves_s:
            return
        share = (at_s - self.enters_s) / (self.leaves_s - self.enters_s)
        reach = WIDTH + 2 * self.tall * 0.4
        gone = share * reach
        x = gone - self.tall * 0.4 if self.to_the_right else WIDTH + self.tall * 0.4 - gone
        _walker(picture, self, x, gone)


def _walker(picture: Picture, who: Walker, x: float, gone: float) -> None:
    tall, side = who.tall, 1 if who.to_the_right else -1
    step = gone / (tall * 0.85) * 2 * pi  # one turn is two steps
    light = 0.62 + 0.75 * exp(-(((x - LAMP[0]) / 260) ** 2))
    hip = (x, who.ground - tall * 0.49 - abs(sin(step)) * tall * 0.012)
    neck = (x + side * tall * 0.02, hip[1] - tall * 0.33)
    _shadow(picture, x, who.ground, tall)
    skin, coat = _lit((120, 150, 190), light), _lit(who.coat, light)
    trousers, far = _lit(who.trousers, light), _lit(who.trousers, light * 0.7)
    _arm(picture, neck, tall, side, step + pi, _lit(who.coat, light * 0.7), skin)
    _leg(picture, hip, who, side, step + pi, far)
    _leg(picture, hip, who, side, step, trousers)
    _limb(picture, hip, (neck[0], neck[1] + tall * 0.05), tall * 0.17, coat)
    _disc(picture, (neck[0] + side * tall * 0.015, neck[1] - tall * 0.1), tall * 0.066, skin)
    _disc(picture, (neck[0], neck[1] - tall * 0.125), tall * 0.06, _lit((40, 44, 52), light))
    _arm(picture, neck, tall, side, step, _lit(who.coat, light * 1.12), skin)


def _leg(
    picture: Picture, hip: tuple[float, float], who: Walker, side: int, step: float, colour: Colour
) -> None:
    tall = who.tall
    swing = 0.46 * sin(step)
    bend = 0.55 * max(0.0, cos(step)) ** 1.5  # the leg that comes forward is bent
    lifted = swing + bend * 0.5
    knee = (hip[0] + side * sin(lifted) * tall * 0.25, hip[1] + cos(swing) * tall * 0.245)
    foot = (
        knee[0] + side * sin(swing - bend) * tall * 0.24,
        min(float(who.ground), knee[1] + cos(swing - bend) * tall * 0.24),
    )
    toe = (foot[0] + side * tall * 0.06, foot[1])
    _limb(picture, hip, knee, tall * 0.085, colour)
    _limb(picture, knee, foot, tall * 0.065, colour)
    _limb(picture, foot, toe, tall * 0.04, (28, 28, 30))


def _arm(
    picture: Picture,
    neck: tuple[float, float],
    tall: int,
    side: int,
    step: float,
    colour: Colour,
    skin: Colour,
) -> None:
    swing = -0.42 * sin(step)
    shoulder = (neck[0], neck[1] + tall * 0.045)
    elbow = (shoulder[0] + side * sin(swing) * tall * 0.16, shoulder[1] + cos(swing) * tall * 0.16)
    bent = swing + 0.35
    hand = (elbow[0] + side * sin(bent) * tall * 0.14, elbow[1] + cos(bent) * tall * 0.14)
    _limb(picture, shoulder, elbow, tall * 0.058, colour)
    _limb(picture, elbow, hand, tall * 0.048, colour)
    _disc(picture, hand, tall * 0.026, skin)


@dataclass(frozen=True, slots=True)
class Car:
    """Passes on the street, from left to right, with its lights on."""

    enters_s: float
    leaves_s: float
    colour: Colour = (70, 60, 138)

    def paint(self, picture: Picture, at_s: float) -> bool:
        """Whether it is in the frame; what stands before it has to be put back then."""
        if not self.enters_s <= at_s <= self.leaves_s:
            return False
        share = (at_s - self.enters_s) / (self.leaves_s - self.enters_s)
        self._paint_at(picture, share * (WIDTH + 700) - 250)
        return True

    def _paint_at(self, picture: Picture, x: float) -> None:
        road = STREET_BOTTOM - 10
        _beam(picture, x + 196, road - 24)
        body = [(0, -22), (10, -40), (48, -46), (74, -70), (132, -70), (160, -44), (190, -38),
                (198, -20), (196, -8), (2, -8)]  # fmt: skip
        glass = [(54, -46), (78, -65), (128, -65), (150, -45)]
        _shape(picture, [(x + left, road + up) for left, up in body], self.colour)
        _shape(picture, [(x + left, road + up) for left, up in glass], (120, 116, 108))
        _limb(picture, (x + 100, road - 66), (x + 100, road - 46), 5, self.colour)
        for wheel in (40, 158):
            _disc(picture, (x + wheel, road - 8), 16, (30, 30, 32))
            _disc(picture, (x + wheel, road - 8), 7, (120, 120, 122))
        _disc(picture, (x + 194, road - 28), 5, (225, 250, 255))
        _disc(picture, (x + 3, road - 30), 5, (60, 60, 235))


def _beam(picture: Picture, x: float, y: float) -> None:
    """The light that a headlamp throws ahead, onto what is there."""
    left, right = max(0, int(x)), min(WIDTH, int(x) + 240)
    if left >= right:
        return
    top, bottom = int(y) - 34, int(y) + 34
    along = (np.arange(left, right, dtype=np.float32) - x) / 240
    across = (np.arange(top, bottom, dtype=np.float32) - y - 8)[:, None]
    width = 6 + 34 * along
    light = np.exp(-((across / width) ** 2)) * (1 - along) * 0.6
    part = picture[top:bottom, left:right]
    lit = part + light[..., None] * np.array([150, 190, 210], np.float32)
    part[:] = np.clip(lit, 0, 255).astype(np.uint8)


class Tree:
    """A crown of leaves, each bunch with a sway of its own that fits the loop."""

    def __init__(self, x: int, ground: int, loop_s: float) -> None:
        random = np.random.default_rng(11)
        self._x, self._ground, self._loop_s = x, ground, loop_s
        angle = random.uniform(0, 2 * pi, 110)
        far = np.sqrt(random.uniform(0, 1, 110))
        left, up = np.cos(angle) * far * 150, np.sin(angle) * far * 118
        size = random.uniform(20, 40, 110)
        shade = random.uniform(0.75, 1.25, 110) - up / 420
        turns = random.integers(4, 8, 110)  # whole sways a loop: it ends as it began
        phase = random.uniform(0, 2 * pi, 110)
        order = np.argsort(shade)
        self._bunches = np.stack([left, up, size, shade, turns, phase], axis=1)[order]

    def paint(self, picture: Picture, at_s: float) -> None:
        crown = self._ground - 270
        trunk = [(-16, 0), (-9, -190), (9, -190), (18, 0)]
        _shape(picture, [(self._x + x, self._ground + y) for x, y in trunk], (38, 46, 56))
        for left, up, size, shade, turns, phase in self._bunches:
            sway = 2.2 * sin(2 * pi * turns * at_s / self._loop_s + phase)
            place = (self._x + left + sway, crown + up + sway * 0.3)
            _disc(picture, place, size, _lit((44, 70, 52), shade))


def _shadow(picture: Picture, x: float, ground: int, tall: int) -> None:
    away = (x - LAMP[0]) / 260
    axes = (round(tall * 0.22 * _ONE), round(tall * 0.028 * _ONE))
    middle = _point((x + away * tall * 0.12, ground + tall * 0.01))
    part = picture[max(0, ground - 30) : ground + 30]
    offset = (middle[0], middle[1] - max(0, ground - 30) * _ONE)
    dark = part.copy()
    cv2.ellipse(dark, offset, axes, 0, 0, 360, (24, 28, 26), -1, cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(dark, 0.5, part, 0.5, 0, dst=part)


def _lit(colour: Colour, light: float) -> Colour:
    blue, green, red = (min(255, max(0, round(part * light))) for part in colour)
    return blue, green, red


def _point(place: tuple[float, float]) -> tuple[int, int]:
    return round(place[0] * _ONE), round(place[1] * _ONE)


def _limb(
    picture: Picture,
    one: tuple[float, float],
    other: tuple[float, float],
    wide: float,
    colour: Colour,
) -> None:
    cv2.line(picture, _point(one), _point(other), colour, max(1, round(wide)), cv2.LINE_AA, _SHIFT)


def _disc(picture: Picture, middle: tuple[float, float], radius: float, colour: Colour) -> None:
    cv2.circle(picture, _point(middle), round(radius * _ONE), colour, -1, cv2.LINE_AA, _SHIFT)


def _shape(picture: Picture, corners: list[tuple[float, float]], colour: Colour) -> None:
    points = np.array([_point(corner) for corner in corners], np.int32)
    cv2.fillPoly(picture, [points], colour, cv2.LINE_AA, _SHIFT)
