"""Synthetic 64x64 colour faces: the stand-in for CelebA, which may not be redistributed.

Image i depends on (seed, i) alone, so the first n of many are the n of few. A face is a stack of
soft-edged shapes (ellipses, parabolas, half planes), each composed over what lies below it. What
varies: framing and tilt, gaze, head shape, skin, hair colour and cut, beard, glasses, expression,
clothes, background, light. Coordinates run from -1 (left, top) to 1 (right, bottom).

Only + - * / and sqrt are used, which every processor rounds alike.
"""

import numpy as np

SIZE = 64
BLOCK = 40  # images drawn at once: few enough for the processor's cache
PIXEL = 2 / SIZE

SKIN = np.array(
    [[250, 222, 200], [240, 195, 162], [222, 168, 128], [190, 132, 92], [140, 90, 60], [92, 58, 42]]
)
HAIR = np.array(
    [[24, 20, 20], [44, 28, 22], [70, 44, 28], [126, 58, 32], [130, 86, 48], [220, 186, 116],
     [176, 172, 168]]
)  # fmt: skip
IRIS = np.array([[70, 42, 22], [100, 72, 36], [74, 110, 70], [76, 118, 160], [110, 118, 124]])
NUMBERS = 128  # random numbers drawn for each face; more than are used


class Dice:
    """The random numbers of a block of faces, handed out one column after another."""

    def __init__(self, indices: range, seed: int):
        rows = [np.random.default_rng([seed, index]).random(NUMBERS) for index in indices]
        self.columns = iter(np.array(rows, np.float32).T)

    def uniform(self, low: float, high: float) -> np.ndarray:
        """(n, 1, 1) values between low and high."""
        return (low + (high - low) * next(self.columns))[:, None, None]

    def chance(self, probability: float) -> np.ndarray:
        """(n, 1, 1) of 1 with the given probability, else 0."""
        return (next(self.columns) < probability).astype(np.float32)[:, None, None]

    def colour(self, palette: np.ndarray, spread: float) -> np.ndarray:
        """(3, n, 1, 1) colours between two neighbours of a palette, each channel varied."""
        place = next(self.columns) * (len(palette) - 1)
        low = np.minimum(place.astype(int), len(palette) - 2)
        part = (place - low)[:, None]
        mixed = palette[low] * (1 - part) + palette[low + 1] * part
        noise = np.stack([next(self.columns) for _ in range(3)], -1) - 0.5
        return (mixed + spread * noise).T.astype(np.float32)[:, :, None, None]

    def any_colour(self, low: float, high: float) -> np.ndarray:
        """(3, n, 1, 1) colours, more of them dull than vivid."""
        channels = np.stack([self.uniform(low, high) for _ in range(3)])
        dull = self.uniform(0, 1)
        return channels * (1 - dull) + channels.mean(0) * dull


def edge(distance: np.ndarray, width: float = PIXEL) -> np.ndarray:
    """1 where the distance is well below 0, 0 well above, a smooth step of the given half width."""
    t = np.clip(0.5 - distance / (2 * width), 0, 1)
    return t * t * (3 - 2 * t)


def ellipse(x, y, rx, ry, width: float = PIXEL) -> np.ndarray:
    """Soft mask of an ellipse at the origin with radii rx, ry."""
    u, v = x / rx, y / ry
    r = np.sqrt(u * u + v * v) + 1e-6
    # Distance to the curve, to first order: (r - 1) / |gradient of r|.
    slope = np.sqrt((u / rx) ** 2 + (v / ry) ** 2) / r + 1e-6
    return edge((r - 1) / slope, width)


def over(image: np.ndarray, mask: np.ndarray, colour: np.ndarray) -> None:
    """Compose a colour over the image (3, n, 64, 64) where the mask (n, 64, 64) says."""
    image += mask * (colour - image)


def rgb(*channels: int) -> np.ndarray:
    """One colour for all faces, (3, 1, 1, 1)."""
    return np.array(channels, np.float32)[:, None, None, None]


def draw_block(indices: range, seed: int) -> np.ndarray:
    """Draw the faces of these indices: uint8 (n, 64, 64, 3)."""
    dice = Dice(indices, seed)
    axis = ((np.arange(SIZE, dtype=np.float32) + 0.5) * PIXEL - 1).astype(np.float32)
    col, row = axis[None, None, :], axis[None, :, None]

    # Background: a gradient in any direction between two colours, with one large soft spot.
    first, second = dice.any_colour(20, 245), dice.any_colour(20, 245)
    a, b = dice.uniform(-0.7, 0.7), dice.uniform(-0.7, 0.7)
    ramp = np.clip(0.5 + 0.5 * (a * col + b * row), 0, 1)
    image = first * (1 - ramp) + second * ramp
    sx, sy = col - dice.uniform(-1, 1), row - dice.uniform(-1, 1)
    spot = ellipse(sx, sy, dice.uniform(0.2, 0.9), dice.uniform(0.2, 0.9), 0.25)
    over(image, 0.7 * spot, dice.any_colour(0, 255))

    # Pose: the grid moves, not the face. cos = (1 - t^2)/(1 + t^2), sin = 2t/(1 + t^2).
    t = dice.uniform(-0.09, 0.09)
    cos, sin = (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)
    scale = dice.uniform(0.92, 1.12)
    px, py = col - dice.uniform(-0.09, 0.09), row - dice.uniform(-0.07, 0.07)
    x, y = (cos * px + sin * py) / scale, (cos * py - sin * px) / scale
    turn, nod = dice.uniform(-0.09, 0.09), dice.uniform(-0.05, 0.05)

    skin, hair = dice.colour(SKIN, 16), dice.colour(HAIR, 20)
    cloth = dice.any_colour(10, 235)
    half, height = dice.uniform(0.44, 0.55), dice.uniform(0.62, 0.72)
    jaw = dice.uniform(0.02, 0.2)

    # Behind the head: hair of any length (none for the bald), then shoulders, then the neck.
    bald, long = dice.chance(0.08), dice.chance(0.45)
    volume, drop = dice.uniform(0.03, 0.17), dice.uniform(0.3, 0.9)
    cap = ellipse(x, y + 0.12, half + volume, height + volume)
    curtain = ellipse(x, y - 0.15, half + volume + 0.06, 0.35 + drop) * edge(-y - 0.1, 0.06)
    strand = 1 + 0.10 * np.clip(((9 * x + 2 * y) % 1 - 0.5) * 2, -1, 1)
    hair_here = hair * strand
    over(image, (1 - bald) * long * curtain, 0.8 * hair_here)
    shoulder = ellipse(x, y - 1.35, dice.uniform(0.8, 1.15), dice.uniform(0.45, 0.6))
    over(image, shoulder, cloth)
    neck = edge(np.abs(x) - 0.52 * half) * edge(0.2 - y) * edge(y - 0.95, 0.06)
    over(image, neck, 0.78 * skin)
    over(image, (1 - bald) * cap, hair_here)

    # The head: an ellipse that narrows towards the chin, lit from one side, with ears.
    narrow = 1 - jaw * np.clip(y, 0, 1) - 0.25 * jaw * np.clip(-y, 0, 1)
    light, fall = dice.uniform(-0.28, 0.28), dice.uniform(-0.05, 0.16)
    shade = 1 + light * x - fall * y - 0.18 * (x / half) ** 2
    for side in (-1, 1):
        over(image, ellipse(x - side * half * 0.97, y - 0.02, 0.07, 0.13), 0.86 * skin)
    head = ellipse(x / narrow, y, half, height)
    over(image, head, skin * shade)

    # Features move together when the head turns or nods. They fit into the middle of the image.
    middle, chin = image[..., 12:62, 8:56], head[..., 12:62, 8:56]
    fx, fy = (x - turn)[..., 12:62, 8:56], (y - nod)[..., 12:62, 8:56]
    blush = dice.uniform(0, 0.35)
    gap, level = dice.uniform(0.19, 0.25), dice.uniform(-0.14, -0.06)
    open_, wide = dice.uniform(0.025, 0.07), dice.uniform(0.085, 0.115)
    iris, gaze = dice.colour(IRIS, 20), dice.uniform(-0.025, 0.025)
    brow, arch, thick = dice.uniform(0.1, 0.16), dice.uniform(-1.5, 3.0), dice.uniform(0.012, 0.035)
    shadow = dice.chance(0.4) * dice.uniform(0.1, 0.6)
    lid_colour = dice.any_colour(30, 140)
    for side in (-1, 1):
        ex, ey = fx - side * gap, fy - level
        over(
            middle, blush * ellipse(ex - side * 0.03, ey - 0.24, 0.12, 0.09, 0.08), rgb(214, 96, 88)
        )
        over(middle, 0.35 * ellipse(ex, ey, wide + 0.05, 0.11, 0.06), 0.6 * skin)
        over(middle, shadow * ellipse(ex, ey + 0.035, wide + 0.01, 0.06, 0.03), lid_colour)
        opening = ellipse(ex, ey, wide, open_)
        over(middle, opening, rgb(238, 234, 230))
        over(middle, opening * ellipse(ex - gaze, ey, 0.048, 0.048), iris)
        over(middle, opening * ellipse(ex - gaze, ey, 0.022, 0.022), rgb(10, 8, 8))
        over(
            middle,
            opening * ellipse(ex - gaze - 0.018, ey + 0.018, 0.012, 0.012),
            rgb(255, 255, 255),
        )
        line = np.abs(ey + open_ * (1 - (ex / wide) ** 2)) - 0.012
        over(middle, 0.8 * edge(line) * edge(np.abs(ex) - wide), 0.25 * skin)
        curve = ey + brow - arch * (ex * ex - 0.006)
        over(middle, 0.9 * edge(np.abs(curve) - thick) * edge(np.abs(ex) - wide - 0.03), 0.6 * hair)

    # Nose: one shaded side, its lower edge, two nostrils.
    long_nose, broad = dice.uniform(0.1, 0.19), dice.uniform(0.05, 0.085)
    side = np.where(light > 0, -1, 1)
    over(middle, 0.3 * ellipse(fx - side * 0.035, fy - 0.01, 0.03, 0.13, 0.04), 0.55 * skin)
    over(middle, 0.45 * ellipse(fx, fy - long_nose, broad, 0.035, 0.03), 0.62 * skin)
    over(middle, 0.35 * ellipse(fx, fy - long_nose + 0.05, 0.025, 0.05, 0.03), 1.15 * skin)
    for side in (-1, 1):
        nostril = ellipse(fx - side * 0.6 * broad, fy - long_nose - 0.015, 0.016, 0.011)
        over(middle, 0.7 * nostril, 0.3 * skin)

    # Beard, moustache, then the mouth: a parabola whose bend is the smile.
    mouth, wide_mouth = dice.uniform(0.3, 0.38), dice.uniform(0.12, 0.21)
    smile, lips = dice.uniform(-0.4, 2.4), dice.uniform(0.02, 0.045)
    gape = dice.chance(0.45) * dice.uniform(0.01, 0.06)
    beard, moustache = dice.chance(0.18) * (1 - long), dice.chance(0.2) * (1 - long)
    stubble = dice.uniform(0.35, 0.95)
    below = edge(0.16 - fy + 0.9 * (0.3 - np.abs(fx)).clip(0, 1) * 0.5, 0.08)
    over(middle, stubble * beard * chin * below, 0.75 * hair)
    lip_hair = ellipse(fx, fy - mouth + 0.075, wide_mouth + 0.02, 0.04, 0.03)
    over(middle, stubble * moustache * lip_hair, 0.7 * hair)
    bend = fy - mouth - smile * (0.015 - fx * fx) * 1.2
    inside = np.clip(1 - (fx / wide_mouth) ** 2, 0, 1)
    lip = dice.any_colour(-30, 30) * 0.6 + 0.55 * skin + rgb(60, 0, 6)
    over(middle, edge(np.abs(bend) - (lips + gape) * inside) * edge(np.abs(fx) - wide_mouth), lip)
    teeth = edge(np.abs(bend) - gape * inside) * edge(np.abs(fx) - 0.9 * wide_mouth)
    over(middle, teeth * (gape > 0.02), rgb(236, 230, 222))
    over(middle, 0.6 * edge(np.abs(bend) - 0.008) * inside * (gape <= 0.02), 0.35 * skin)

    # Fringe: hair over the forehead above a slanted, bent line.
    hairline, slant = dice.uniform(-0.52, -0.28), dice.uniform(-0.5, 0.5)
    fringe = edge(y - hairline - slant * x - dice.uniform(-0.6, 1.4) * x * x, 0.03)
    shine = 1 + 0.25 * ellipse(x - 2 * light, y + 0.62, 0.25, 0.1, 0.15)
    over(image, (1 - bald) * fringe * cap, hair_here * shine)

    # Glasses, a few of them dark.
    glasses, dark = dice.chance(0.16), dice.chance(0.25)
    radius, frame = dice.uniform(0.12, 0.16), dice.any_colour(0, 90)
    for side in (-1, 1):
        ex, ey = fx - side * gap, fy - level
        outer = ellipse(ex, ey, radius + 0.02, 0.85 * radius + 0.02)
        inner = ellipse(ex, ey, radius - 0.015, 0.85 * radius - 0.015)
        over(middle, glasses * dark * 0.9 * inner, 0.3 * frame)
        over(middle, glasses * (outer - inner).clip(0, 1), frame)
    bridge = edge(np.abs(fy - level + 0.02) - 0.014) * edge(np.abs(fx) - (gap - radius))
    over(middle, glasses * bridge, frame)

    # Exposure and warmth of the whole photograph.
    exposure, warmth = dice.uniform(0.75, 1.15), dice.uniform(-0.06, 0.06)
    image *= exposure * np.stack([1 + warmth, 0 * warmth + 1, 1 - warmth])
    return np.rint(image.clip(0, 255)).astype(np.uint8).transpose(1, 2, 3, 0)


def draw(first: int, count: int, seed: int = 0) -> np.ndarray:
    """Faces number `first` to `first + count - 1` of a seed: uint8 (count, 64, 64, 3)."""
    faces = np.empty((count, SIZE, SIZE, 3), np.uint8)
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        faces[start:stop] = draw_block(range(first + start, first + stop), seed)
    return faces
