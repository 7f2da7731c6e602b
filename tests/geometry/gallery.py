"""Shapes of every kind for the tests, and the acceptance cases' domains."""

from __future__ import annotations

from pinnkit.geometry import Ball, Box, Cylinder, Disk, Ellipse, Interval, Polygon, Rectangle, Shape

BIG = [(x, y) for x in (-4, 4) for y in (-9, -3, 3, 9)] + [(0, -6), (0, 0), (0, 6)]
SMALL = [(x, y) for x in (-3.2, 3.2) for y in (-6, 0, 6)]


def l_shape() -> Shape:
    return Rectangle((-1, -1), (1, 1)) - Rectangle((0, 0), (1, 1))


def four_holes() -> Shape:
    shape: Shape = Rectangle((-1, -1), (1, 1), name="outer")
    for center, radius in [((0.5, 0.5), 0.2), ((0.4, -0.4), 0.4), ((-0.2, -0.7), 0.1), ((-0.6, 0.5), 0.3)]:
        shape = shape - Disk(center, radius, name="hole")
    return shape


def seventeen_holes() -> Shape:
    shape: Shape = Rectangle((-8, -12), (8, 12), name="outer")
    for center in BIG:
        shape = shape - Disk(center, 1, name="big")
    for center in SMALL:
        shape = shape - Disk(center, 0.4, name="small")
    return shape


PLANE = {
    "rectangle": Rectangle((-1, 0), (2, 1)),
    "disk": Disk((1, 2), 0.5),
    "ellipse": Ellipse((1, 0), (2, 0.5), 0.3),
    "polygon": Polygon([(0, 0), (3, 0), (3, 2), (1, 0.5), (0, 2)]),
    "clockwise": Polygon([(0, 0), (0, 1), (1, 1), (2, 0)]),
    "l_shape": l_shape(),
    "four_holes": four_holes(),
    "two_disks": Disk((0, 0), 1) | Disk((1, 0), 1),
    "lens": Disk((0, 0), 1) & Disk((1, 0), 1),
    "moon": Disk((0, 0), 1) - Disk((1, 0), 1),
    "crossed_ellipses": Ellipse((0, 0), (2, 1), 0.2) | Ellipse((0.1, 0.3), (1, 2), 0.7),
    "ellipse_rest": Ellipse((0, 0), (2, 1)) - Ellipse((0, 0), (1, 2)),
    "glued": Rectangle((0, 0), (1, 1)) | Rectangle((1, 0), (2, 1)),
    "bitten": Rectangle((0, 0), (1, 1)) - Disk((0, 0.5), 0.5),
    "nested": (Rectangle((0, 0), (4, 4)) - Disk((2, 2), 1.5)) | Rectangle((1.5, 1.5), (2.5, 2.5)),
}
LINE = {
    "interval": Interval(-1, 3),
    "gap": Interval(0, 3) - Interval(1, 2),
    "joined": Interval(0, 1) | Interval(1, 2),
    "line_ball": Ball((1.0,), 2),
}
SPACE = {
    "box": Box((0, 0, 0), (1, 2, 3)),
    "ball": Ball((0, 1, 0), 2),
    "cylinder": Cylinder((0, 0, 0), (1, 1, 1), 0.5),
    "upright": Cylinder((0, 0, 1), 2, 0.5),
    "dented_box": Box((0, 0, 0), (1, 1, 1)) - Ball((0, 0, 0), 0.5),
    "boxes": Box((0, 0, 0), (1, 1, 1)) | Box((1, 0, 0), (2, 1, 1)),
}
HIGHER = {"ball5": Ball((0, 0, 0, 0, 1), 1.5), "box5": Box((0,) * 5, (1,) * 5)}
ALL = {**LINE, **PLANE, **SPACE, **HIGHER}
