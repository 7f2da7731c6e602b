"""Figures: scales that do not mislead, and what is left undrawn."""

import numpy as np
import pytest

import pinnkit as pk
from pinnkit.report import maps
from pinnkit.report.canvas import Image
from pinnkit.report.curves import history_image
from pinnkit.report.figures import domain_image
from pinnkit.report.planes import plane
from pinnkit.report.tables import flat, number, seconds


def test_signed_fields_get_a_symmetric_scale():
    norm, colours = maps._value_norm([np.array([-1.0, 0.5]), np.array([3.0])])
    assert (norm.vmin, norm.vmax, colours) == (-3.0, 3.0, "RdBu_r")


def test_fields_of_one_sign_get_a_uniform_scale():
    norm, colours = maps._value_norm([np.array([0.0, 2.0, np.nan])])
    assert (norm.vmin, norm.vmax, colours) == (0.0, 2.0, "viridis")
    norm, colours = maps._value_norm([np.array([-0.01, 2.0])])
    assert colours == "viridis"


@pytest.mark.parametrize("values", [np.zeros(3), np.full(3, np.nan), np.full(3, 2.0)])
def test_degenerate_fields_still_have_scales(values):
    norm, _ = maps._value_norm([values])
    assert norm.vmin < norm.vmax
    norm = maps._log_norm([values])
    assert 0 < norm.vmin < norm.vmax


def test_the_plane_leaves_holes_out():
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    domain = pk.Rectangle((0, 0), (2, 1)) - pk.Disk((1, 0.5), 0.25, name="hole")
    canvas = plane(pk.Problem("p", domain, [pk.laplacian(u)], [pk.Dirichlet(u, 0)]))
    across, up = canvas.across[canvas.triangles], canvas.up[canvas.triangles]
    area = np.abs(
        (across[:, 1] - across[:, 0]) * (up[:, 2] - up[:, 0])
        - (across[:, 2] - across[:, 0]) * (up[:, 1] - up[:, 0])
    ).sum()
    assert area / 2 == pytest.approx(2 - np.pi / 16, rel=1e-3)
    assert canvas.mean(canvas.across) == pytest.approx(1, rel=1e-3)
    assert canvas.shape == pytest.approx(0.5)


def test_a_slice_evaluates_inside_only():
    u = pk.unknown("u", *pk.coordinates("x y z"))
    problem = pk.Problem("p", pk.Ball((0, 0, 0), 1), [pk.laplacian(u)], [pk.Dirichlet(u, 0)])
    canvas = plane(problem)
    assert (np.linalg.norm(canvas.points, axis=1) < 1 + 1e-6).all()
    assert canvas.note == "z = 0"
    assert domain_image(problem) is None


def test_sensors_are_drawn_where_they_measured(tmp_path):
    u = pk.unknown("u", *pk.coordinates("x y"))
    file = tmp_path / "sensors.csv"
    file.write_text("x,y,u\n0.2,0.3,1\n0.7,0.6,3\n")

    def drawn(*observations):
        square = pk.Rectangle((0, 0), (1, 1))
        return domain_image(pk.Problem("p", square, [pk.laplacian(u)], [pk.Dirichlet(u, 0)], observations))

    observed = pk.Observations(u, file)
    shown = drawn(observed)
    assert len(shown.data) > len(drawn().data)
    assert "Not drawn" not in shown.caption
    file.unlink()
    assert "Not drawn: where u was measured" in drawn(observed).caption


def test_history_needs_a_loss():
    assert history_image({}, 1e-3) is None
    assert history_image({"loss": np.empty(0)}, 1e-3) is None
    assert isinstance(history_image({"loss": np.ones(3)}, None), Image)


def test_history_takes_what_is_not_positive_or_finite():
    history = {"loss": np.array([1.0, 0.0, np.nan, np.inf]), "error_u": np.full(4, np.nan)}
    assert b"svg" in history_image(history, 1e-3).data


def test_what_changed_while_training_is_drawn():
    steps = np.arange(1.0, 101.0)
    told = np.where(steps % 10 == 0, steps, np.nan)
    history = {"loss": 1 / steps, "iteration": steps, "weight_equation": told, "redraws": told // 20}
    drawn = history_image(history, None)
    assert "weights" in drawn.caption
    assert drawn.data != history_image({**history, "redraws": 0 * told}, None).data
    assert "weights" not in history_image({"loss": 1 / steps}, None).caption


def test_slabs_are_drawn_over_the_time_of_the_problem():
    """Nothing was iterated, so there are no iterations to draw over."""
    history = {"loss": np.array([1e-14, 1e-12]), "iteration": np.array([1, 2]), "stage": np.full(2, "march"),
               "slab_end": np.array([0.3, 1.0]), "features": np.array([50, 90])}  # fmt: skip
    drawn = history_image(history, None)
    assert "slab by slab" in drawn.caption
    assert drawn.data != history_image({**history, "slab_end": np.array([0.6, 1.0])}, None).data


def test_long_histories_stay_small():
    steps = np.arange(200_000)
    assert len(history_image({"loss": 1.0 / (1 + steps), "iteration": steps}, None).data) < 300_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"), (None, "–"), (0.0123456, "0.0123"), (1e-4, "10⁻⁴"), (4.561e-5, "4.56×10⁻⁵"),
        (-2.0, "−2"), (12345.6, "12346"), (1.5e7, "1.50×10⁷"), (float("nan"), "not finite"),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(value, expected):
    assert number(value) == expected


def test_durations():
    assert seconds(0.4249) == "0.425 s"
    assert seconds(200.4) == "3 min 20 s"


def test_nested_settings_become_dotted_names():
    settings = {"network": {"width": 30}, "optimizer": ["adam", "lm"], "seed": None, "empty": {}}
    assert flat(settings) == {
        "network.width": "30", "optimizer": "adam, lm", "seed": "none", "empty": "{}",
    }  # fmt: skip
