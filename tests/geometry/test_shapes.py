"""Shapes by themselves: values, names, measures, membership, complaints, problem-file form."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.geometry import (
    Ball,
    Box,
    Cylinder,
    Difference,
    Disk,
    Ellipse,
    GeometryError,
    Intersection,
    Interval,
    MeshFile,
    Polygon,
    Rectangle,
    Union,
    from_mapping,
)
from pinnkit.geometry.carriers import CylinderSurface, Ellipsoid, Plane, Sphere

from .gallery import ALL, l_shape


def test_equal_by_value_and_hashable():
    assert Rectangle((0, 0), [1, 1]) == Rectangle(np.zeros(2), (1.0, 1.0))
    assert Rectangle((0, 0), (1, 1)) != Rectangle((0, 0), (1, 1), name="outer")
    assert len({l_shape(), l_shape(), Disk((0, 0), 1)}) == 2


def test_frozen():
    with pytest.raises(AttributeError):
        Disk((0, 0), 1).radius = 2


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        (Interval(0, 1), ("left", "right")),
        (Rectangle((0, 0), (1, 1)), ("left", "right", "bottom", "top")),
        (Box((0, 0, 0), (1, 1, 1)), ("left", "right", "front", "back", "bottom", "top")),
        (Box((0, 0), (1, 1)), ("x1_min", "x1_max", "x2_min", "x2_max")),
        (Disk((0, 0), 1), ("rim",)),
        (Polygon([(0, 0), (1, 0), (0, 1)]), ("edge1", "edge2", "edge3")),
        (Cylinder((0, 0, 0), 1, 1), ("bottom", "top", "side")),
        (Rectangle((0, 0), (1, 1), name="outer"), ("outer",)),
        (Rectangle((0, 0), (1, 1), names={"left": "inlet"}), ("inlet", "right", "bottom", "top")),
        (Rectangle((0, 0), (1, 1)).renamed({"left": "wall", "right": "wall"}), ("wall", "bottom", "top")),
        (Rectangle((0, 0), (1, 1)).named("all"), ("all",)),
        ((Disk((0, 0), 2) - Disk((0, 0), 1, name="hole")), ("rim", "hole")),
        ((Disk((0, 0), 2) - Disk((0, 0), 1, name="hole")).renamed({"hole": "inner"}), ("rim", "inner")),
        ((Disk((0, 0), 2) - Disk((0, 0), 1, name="hole")).named("wall"), ("wall",)),
    ],
)
def test_names(shape, names):
    assert shape.boundary_names == names


def test_edges_of_a_clockwise_polygon_keep_their_numbers():
    vertices = [(0, 0), (0, 1), (1, 1), (2, 0)]
    pieces = {p.name: p for p in Polygon(vertices).pieces()}
    assert {pieces["edge1"].start, pieces["edge1"].stop} == {(0, 0), (0, 1)}
    assert {pieces["edge4"].start, pieces["edge4"].stop} == {(2, 0), (0, 0)}


@pytest.mark.parametrize(
    ("shape", "measure", "boundary"),
    [
        (Interval(-1, 3), 4, 2),
        (Rectangle((-1, 0), (2, 1)), 3, 8),
        (Disk((1, 2), 0.5), np.pi / 4, np.pi),
        (Ellipse((0, 0), (2, 1), 1), 2 * np.pi, 9.688448220547675),
        (Polygon([(0, 0), (3, 0), (0, 4)]), 6, 12),
        (Box((0, 0, 0), (1, 2, 3)), 6, 22),
        (Ball((0, 0, 0), 2), 32 * np.pi / 3, 16 * np.pi),
        (Ball((0,) * 5, 1), 8 * np.pi**2 / 15, 8 * np.pi**2 / 3),
        (Cylinder((0, 0, 0), (0, 3, 4), 2), 20 * np.pi, 28 * np.pi),
    ],
)
def test_measures(shape, measure, boundary):
    assert shape.measure == pytest.approx(measure, rel=1e-14)
    assert sum(piece.measure for piece in shape.pieces()) == pytest.approx(boundary, rel=1e-14)


def test_carriers_say_which_side_the_domain_is_on():
    outer, hole = (Disk((0, 0), 2) - Disk((0, 0), 1)).pieces()
    assert outer.carrier == Sphere((0, 0), 2, 1)
    assert hole.carrier == Sphere((0, 0), 1, -1)
    assert outer.closed
    assert hole.closed
    left = Rectangle((0, 0), (1, 1)).pieces_of("left")[0]
    assert left.carrier == Plane((0, 1), (-1, 0))
    assert left.extent == ((0, 1), (0, 0))
    assert isinstance(Ellipse((0, 0), (2, 1)).pieces()[0].carrier, Ellipsoid)
    assert isinstance(Cylinder((0, 0, 0), 1, 1).pieces_of("side")[0].carrier, CylinderSurface)
    dent = (Box((0, 0, 0), (1, 1, 1)) - Ball((0, 0, 0), 0.5)).pieces_of("rim")[0]
    assert dent.carrier == Sphere((0, 0, 0), 0.5, -1)


@settings(deadline=None)
@given(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), st.floats(0.3, 2), st.floats(0.3, 2), st.floats(-4, 4))
def test_projection_on_an_ellipse_is_its_nearest_point(point, first, second, angle):
    ellipse = Ellipse((0.2, -0.1), (first, second), angle)
    (rim,) = ellipse.pieces()
    foot = rim.project(np.array([point]))
    around = rim.at(np.linspace(0, 1, 4001))
    least = np.min(np.linalg.norm(around - np.array(point), axis=1))
    assert abs(ellipse.signed_distance(foot)[0]) < 1e-9
    assert np.linalg.norm(foot[0] - np.array(point)) <= least + 1e-9


@pytest.mark.parametrize("name", ALL)
def test_mapping_and_back(name):
    shape = ALL[name]
    again = from_mapping(shape.to_mapping())
    assert again == shape
    assert hash(again) == hash(shape)


def test_mapping_reads_as_a_person_would_write_it():
    shape = Rectangle((-1, -1), (1, 1), name="outer") - Disk((0.5, 0), 0.25, name="hole")
    assert shape.to_mapping() == {
        "difference": [
            {"rectangle": {"lower": [-1, -1], "upper": [1, 1], "name": "outer"}},
            {"disk": {"center": [0.5, 0], "radius": 0.25, "name": "hole"}},
        ]
    }
    assert from_mapping({"interval": [0, 2]}) == Interval(0, 2)
    renamed = Rectangle((0, 0), (1, 1), names={"top": "lid"})
    assert renamed.to_mapping()["rectangle"]["names"] == {"top": "lid"}


COMPLAINTS = [
    (lambda: Disk((0, 0), -1), "radius is -1", "above zero"),
    (lambda: Disk((0, 0), 0), "radius is 0", "above zero"),
    (lambda: Disk((0, 0), float("nan")), "radius is nan", "finite"),
    (lambda: Disk((0, 0, 0), 1), "has 3 coordinates", "2 coordinates"),
    (lambda: Disk(0, 1), "centre of a disk is 0", "a list of numbers"),
    (lambda: Disk((0, "one"), 1), "'one', not a number", "finite number"),
    (lambda: Ellipse((0, 0), (1, -2)), "second radius is -2", "above zero"),
    (lambda: Ball((), 1), "no coordinates", "at least one"),
    (lambda: Interval(1, 0), "the interval is empty", "exchange the two"),
    (lambda: Interval(1, 1), "the interval is empty", "give it an extent"),
    (lambda: Interval(0, float("inf")), "upper end is inf", "finite"),
    (lambda: Rectangle((0, 0), (1, -1)), "along axis 2 it runs from 0 to -1", "exchange"),
    (lambda: Box((0, 0), (1, 1, 1)), "2 and 3 coordinates", "as many"),
    (lambda: Cylinder((0, 0, 0), (0, 0, 0), 1), "axis is zero", "direction"),
    (lambda: Cylinder((0, 0, 0), -2, 1), "height is -2", "above zero"),
    (lambda: Polygon([(0, 0), (1, 0)]), "has 2 vertices", "at least three"),
    (lambda: Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), "edges 1 and 3 of a polygon meet", "order"),
    (lambda: Polygon([(0, 0), (1, 0), (2, 0)]), "meet each other", "order"),
    (lambda: Polygon([(0, 0), (1, 0), (0, 1), (0, 0)]), "vertices 1 and 4", "leave the repeated"),
    (lambda: Polygon(3), "vertices are 3", "a list of points"),
    (lambda: Disk((0, 0), 1, name="boundary"), "named 'boundary'", "addresses all"),
    (lambda: Disk((0, 0), 1, name=""), "named ''", "a word"),
    (lambda: Disk((0, 0), 1, name="a", names={"rim": "b"}), "both `name` and `names`", "one of them"),
    (lambda: Rectangle((0, 0), (1, 1), names={"lefft": "a"}), "named 'lefft'", "did you mean 'left'?"),
    (lambda: Rectangle((0, 0), (1, 1)).pieces_of("botom"), "named 'botom'", "did you mean 'bottom'?"),
    (lambda: l_shape().renamed({"lid": "a"}), "named 'lid'", "one of left, right"),
    (lambda: Disk((0, 0), 1) - Disk((3, 0), 1), "hole 1 of a difference", "lies outside"),
    (lambda: Disk((0, 0), 1) - Disk((2, 0), 1), "lies outside", "overlaps"),
    (lambda: Rectangle((0, 0), (1, 1)) - Rectangle((1, 0), (2, 1)), "lies outside", "overlaps"),
    (lambda: Ball((0, 0, 0), 1) - Ball((3, 0, 0), 1), "lies outside", "overlaps"),
    (lambda: Interval(0, 1) - Interval(2, 3), "lies outside", "overlaps"),
    (lambda: Disk((0, 0), 1) - Disk((0, 0), 2), "nothing is left", "smaller"),
    (lambda: Disk((0, 0), 1) - Disk((0, 0), 1), "nothing is left", "smaller"),
    (lambda: Disk((0, 0), 1) & Disk((3, 0), 1), "intersection", "is empty"),
    (lambda: Disk((0, 0), 1) | Ball((0, 0, 0), 1), "in 2 and 3 dimensions", "one dimension"),
    (lambda: Union(Disk((0, 0), 1)), "union of 1 shape", "at least two"),
    (lambda: Difference(Disk((0, 0), 1), 3), "3 in a difference is no shape", "a shape"),
    (lambda: Intersection(), "intersection of 0", "at least two"),
    (lambda: Disk((0, 0), 1).contains(np.zeros((4, 3))), "points of shape (4, 3)", "(n, 2)"),
    (lambda: MeshFile("nowhere.msh"), "no mesh file 'nowhere.msh'", "existing file"),
    (lambda: MeshFile(3), "a mesh file is 3", "a path"),
    (lambda: from_mapping({"rectangel": {}}), "no shape is called", "did you mean 'rectangle'?"),
    (lambda: from_mapping({"disk": {"center": [0, 0]}}), "disk lacks radius", "center, radius"),
    (
        lambda: from_mapping({"disk": {"center": [0, 0], "radus": 1}}),
        "disk has no entry 'radus'",
        "did you mean 'radius'?",
    ),
    (lambda: from_mapping({"disk": 3}), "disk is 3", "a mapping with"),
    (lambda: from_mapping({"difference": {"disk": 1}}), "difference is", "a list of shapes"),
    (lambda: from_mapping({"interval": 3}), "interval is 3", "[lower, upper]"),
    (lambda: from_mapping([1, 2]), "a shape is [1, 2]", "disk: {center"),
]


@pytest.mark.parametrize(("make", "what", "hint"), COMPLAINTS)
def test_complaints_say_what_is_wrong_and_how_to_mend_it(make, what, hint):
    with pytest.raises(GeometryError) as caught:
        make()
    assert what in caught.value.what
    assert hint in str(caught.value)


def test_importing_geometry_loads_nothing_heavy():
    heavy = "scipy netgen meshio sympy jax skfem"
    program = f"import sys, pinnkit.geometry as g; print([m for m in {heavy.split()} if m in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "[]"
