"""The drawing of subdomains: what it says, and that points of interfaces stand where they are."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.geometry.division import Division
from pinnkit.geometry.partitions import at_levels, in_boxes
from pinnkit.report.division import division_html

x, y, t = *pk.coordinates("x y"), pk.time("t", 0, 1)


def steady(domain):
    variables = (x, y)[: domain.dimension]
    u = pk.unknown("u", *variables)
    return pk.Problem("p", domain, [-pk.laplacian(u) - 1], [pk.Dirichlet(u, 0)])


def divided(found):
    return Division(found.names, found.lower, found.upper, found.nearest, found.interfaces(10, 0))


def slanted(points):
    slope = np.array([1.0, 0.0, -0.3])
    return points @ slope - 0.3, np.broadcast_to(slope, points.shape)


@pytest.mark.parametrize("domain", [pk.Interval(0, 1), pk.Rectangle((0, 0), (1, 1)), pk.Disk((0, 0), 1)])
def test_parts_are_counted_and_drawn(domain):
    cuts = ((0.5,),) if domain.dimension == 1 else ((0.5,), ())
    text = division_html(steady(domain), divided(in_boxes(domain, None, cuts)))
    points = 1 if domain.dimension == 1 else 10
    assert f"2 subdomains, 1 interfaces with {points} points" in text
    assert "with their normals" in text or domain.dimension == 1


def test_an_interface_that_moves_is_drawn_at_both_ends_of_time():
    domain = pk.Rectangle((0, 0), (1, 1))
    u = pk.unknown("u", x, y, t)
    problem = pk.Problem(
        "p", domain, [sp.Derivative(u, t) - pk.laplacian(u)], [pk.Dirichlet(u, 0), pk.Initial(u, 0)]
    )
    moving, still = (
        division_html(problem, divided(found))
        for found in (at_levels(domain, (0, 1), [slanted]), in_boxes(domain, (0, 1), ((0.5,), (), ())))
    )
    widths = [int.from_bytes(_png(text)[16:20], "big") for text in (moving, still)]
    assert widths[0] > 1.5 * widths[1]


def test_overlapping_boxes_are_drawn_without_interfaces():
    boxes = np.array([[0, 0], [0.4, 0]]), np.array([[0.6, 1.0], [1.0, 1.0]])
    text = division_html(steady(pk.Rectangle((0, 0), (1, 1))), Division(("1", "2"), *boxes))
    assert "2 subdomains." in text
    assert "window is not zero" in text


def _png(text):
    import base64

    return base64.b64decode(text.split("base64,")[1].split('"')[0])
