"""The yard at dusk, as far as nothing moves in it: sky, hills, street, house, path, lamp."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # BGR
Plane = NDArray[np.float32]
Colour = tuple[int, int, int]

WIDTH, HEIGHT = 1280, 720
HORIZON = 400
STREET_TOP, STREET_BOTTOM = 432, 486
LAMP = (742, 318)  # the bulb
LAMP_FOOT = 600

_WALL: Colour = (88, 92, 104)
_ROOF: Colour = (46, 40, 48)
_WINDOW: Colour = (120, 200, 250)


def backdrop() -> tuple[Picture, Picture]:
    """The image, and the mask of what stands before the street: 255 there, 0 elsewhere."""
    random = np.random.default_rng(7)
    picture = _sky(random)
    _hills(picture)
    _ground(picture, random)
    _street(picture)
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    _house(picture, mask)
    _fence(picture, mask)
    _lamp(picture, mask)
    return _lit(picture), mask


def _sky(random: np.random.Generator) -> Picture:
    stops = np.array([0.0, 0.45, 0.75, 1.0])
    colours = np.array([[92, 58, 36], [138, 96, 74], [146, 136, 168], [120, 164, 226]], float)
    height = np.linspace(0, 1, HORIZON)
    rows = np.stack([np.interp(height, stops, colours[:, c]) for c in range(3)], axis=-1)
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:HORIZON] = rows[:, None, :].astype(np.uint8)
    for _ in range(60):
        x, y = int(random.integers(0, WIDTH)), int(random.integers(0, HORIZON // 2))
        light = int(random.integers(20, 90))
        picture[y, x] = np.minimum(picture[y, x].astype(int) + light, 255).astype(np.uint8)
    return picture


def _hills(picture: Picture) -> None:
    x = np.arange(0, WIDTH + 1, 8)
    for level, scale, colour in ((352, 36, (98, 92, 92)), (384, 22, (66, 66, 62))):
        y = level + scale * (np.sin(x / 170 + level) * 0.6 + np.sin(x / 61 + scale) * 0.3)
        edge = np.stack([x, y], axis=1).astype(np.int32)
        outline = np.vstack([edge, [[WIDTH, HORIZON + 40], [0, HORIZON + 40]]]).astype(np.int32)
        cv2.fillPoly(picture, [outline], colour, cv2.LINE_AA)


def _ground(picture: Picture, random: np.random.Generator) -> None:
    depth = np.linspace(0, 1, HEIGHT - HORIZON - 10)[:, None, None]
    near, far = np.array([44.0, 62.0, 52.0]), np.array([58.0, 84.0, 74.0])
    rows = np.repeat(far + (near - far) * depth, WIDTH, axis=1)
    blades = random.normal(0, 1, rows.shape[:2]).astype(np.float32)
    soft = cv2.GaussianBlur(blades, (0, 0), 1.3) * 16
    picture[HORIZON + 10 :] = np.clip(rows + soft[..., None], 0, 255).astype(np.uint8)
    path = np.array([[0, 672], [430, 610], [900, 604], [1280, 640], [1280, 700], [0, 740]])
    cv2.fillPoly(picture, [path], (86, 98, 108), cv2.LINE_AA)
    cv2.polylines(picture, [path], True, (66, 80, 84), 3, cv2.LINE_AA)
    to_door = np.array([[292, 520], [336, 520], [420, 614], [330, 624]])
    cv2.fillPoly(picture, [to_door], (82, 94, 104), cv2.LINE_AA)


def _street(picture: Picture) -> None:
    cv2.rectangle(picture, (0, STREET_TOP), (WIDTH, STREET_BOTTOM), (62, 60, 60), -1)
    cv2.line(picture, (0, STREET_TOP), (WIDTH, STREET_TOP), (92, 92, 94), 2)
    cv2.line(picture, (0, STREET_BOTTOM), (WIDTH, STREET_BOTTOM), (96, 98, 100), 3)
    middle = (STREET_TOP + STREET_BOTTOM) // 2
    for left in range(-20, WIDTH, 110):
        cv2.line(picture, (left, middle), (left + 48, middle), (118, 122, 124), 2)


def _house(picture: Picture, mask: Picture) -> None:
    walls = np.array([[96, 290], [452, 290], [452, 522], [96, 522]])
    roof = np.array([[64, 296], [274, 168], [486, 296]])
    chimney = np.array([[370, 176], [402, 176], [402, 250], [370, 230]])
    for part, colour in ((chimney, _ROOF), (walls, _WALL), (roof, _ROOF)):
        cv2.fillPoly(picture, [part], colour, cv2.LINE_AA)
        cv2.fillPoly(mask, [part], 255)
    for top in range(306, 522, 18):
        cv2.line(picture, (97, top), (451, top), (80, 84, 96), 1)
    for left, top in ((140, 334), (372, 334), (140, 432)):
        cv2.rectangle(picture, (left - 4, top - 4), (left + 52, top + 60), (58, 60, 68), -1)
        cv2.rectangle(picture, (left, top), (left + 48, top + 56), _WINDOW, -1)
        cv2.line(picture, (left + 24, top), (left + 24, top + 56), (58, 60, 68), 3)
        cv2.line(picture, (left, top + 28), (left + 48, top + 28), (58, 60, 68), 3)
    cv2.rectangle(picture, (286, 414), (342, 522), (48, 52, 64), -1)
    cv2.rectangle(picture, (294, 424), (334, 520), (52, 66, 96), -1)
    cv2.circle(picture, (328, 474), 3, (150, 180, 200), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (274, 236), (22, 22), 0, 0, 360, (90, 150, 200), -1, cv2.LINE_AA)


def _fence(picture: Picture, mask: Picture) -> None:
    for left in range(500, WIDTH, 26):
        outline = ((0, 474), (5, 466), (10, 474), (10, 524), (0, 524))
        post = np.array([[left + x, y] for x, y in outline])
        cv2.fillPoly(picture, [post], (112, 118, 122), cv2.LINE_AA)
        cv2.fillPoly(mask, [post], 255)
    for top in (484, 508):
        cv2.rectangle(picture, (496, top), (WIDTH, top + 5), (104, 110, 114), -1)
        cv2.rectangle(mask, (496, top), (WIDTH, top + 5), 255, -1)


def _lamp(picture: Picture, mask: Picture) -> None:
    x, y = LAMP
    for part in (picture, mask):
        post: Colour | int = (38, 36, 36) if part is picture else 255
        cv2.line(part, (x, y), (x, LAMP_FOOT), post, 6, cv2.LINE_AA)
        cv2.ellipse(part, (x, y - 8), (18, 9), 0, 180, 360, post, -1, cv2.LINE_AA)
    cv2.circle(picture, (x, y), 9, (190, 232, 255), -1, cv2.LINE_AA)


def _lit(picture: Picture) -> Picture:
    """With the light of lamp and windows, and the dark of the corners."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    glow = 0.95 * _spot(x, y, LAMP[0], LAMP[1], 46, 46)
    glow += 0.34 * _spot(x, y, LAMP[0], LAMP[1] + 30, 210, 200)
    glow += 0.42 * _spot(x, y, LAMP[0], LAMP_FOOT + 10, 270, 62)
    for window_x, window_y in ((164, 362), (396, 362), (164, 460)):
        glow += 0.22 * _spot(x, y, window_x, window_y, 70, 70)
    corners = ((x - WIDTH / 2) / WIDTH) ** 2 + ((y - HEIGHT / 2) / HEIGHT) ** 2
    light = picture * (1 - 0.5 * corners)[..., None]
    light += glow[..., None] * np.array([96, 172, 236], np.float32)
    lit: Picture = np.clip(light, 0, 255).astype(np.uint8)
    return lit


def _spot(x: Plane, y: Plane, left: float, top: float, wide: float, high: float) -> Plane:
    distance = ((x - left) / wide) ** 2 + ((y - top) / high) ** 2
    return np.exp(-distance).astype(np.float32)
