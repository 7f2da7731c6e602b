"""Certificates of runs: kept in metrics and report, left out where the settings say so."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.driver import certificates
from pinnkit.report import report_html
from pinnkit.report.certificate import certificate_html
from pinnkit.solution import Record, RunDirectory, Solution, StorageError
from pinnkit.validation.certificate import Certificate, Uncertified

FOUND = Certificate(1e-5, 1.2e-5, 2.0, "certificate")
LOOSE = Certificate(1e-5, 1.2e-5, 2.0, "estimate", ("a <b> note",))


@pytest.fixture
def run(tmp_path):
    """A run directory with metrics and a report."""
    x = pk.coordinates("x")
    u = pk.unknown("u", x)
    problem = pk.Problem("rod", pk.Interval(0, 1), [-sp.diff(u, x, 2)], [pk.Dirichlet(u, 0)])
    solution = Solution(problem, lambda points: {"u": 0 * points[:, 0]}, Record("pinn"))
    found = RunDirectory(tmp_path / "run")
    found.write_metrics({"problem": "rod", "status": "passed"})
    found.report.write_text(report_html(problem, solution))
    return found


def test_kept_and_replaced(run):
    for certificate in (LOOSE, FOUND):
        certificates.record(run, certificate)
    metrics = json.loads(run.metrics.read_text())
    assert metrics["status"] == "passed"
    assert metrics["certificate"] == FOUND.to_dict()
    report = run.report.read_text()
    assert report.count("Certified error") == 1
    assert "1.20×10⁻⁵" in report
    assert "Guaranteed" in report
    assert "An estimate" not in report


def test_reports_without_a_place_get_one(run):
    run.report.write_text("<html><body>old</body></html>")
    certificates.record(run, FOUND)
    assert "Certified error" in run.report.read_text()


def test_refusals_and_notes_are_told_and_escaped():
    assert "no certified energy error: it is transient." in certificate_html(Uncertified("it is transient"))
    assert "a &lt;b&gt; note" in certificate_html(LOOSE)
    assert "hidden" in certificate_html(None)


@pytest.fixture
def asked(monkeypatch):
    """Certificates without computing any; the solutions that were asked about."""
    solutions = []
    monkeypatch.setattr(
        "pinnkit.validation.certificate.certified", lambda s, progress: solutions.append(s) or FOUND
    )
    return solutions


@pytest.mark.parametrize(("setting", "wanted"), [(None, True), (True, True), (False, False)])
def test_settings_decide(run, asked, monkeypatch, setting, wanted):
    settings = SimpleNamespace(validate=SimpleNamespace(certificate=setting))
    monkeypatch.setattr(certificates, "read_resolved", lambda directory: (None, settings))
    run.problem.write_text("name: rod\n")
    assert (certificates.certificate_of(run.path, "solution") is FOUND) == wanted
    assert ("certificate" in json.loads(run.metrics.read_text())) == wanted
    assert asked == ["solution"] * wanted


def test_a_full_disk_does_not_hide_the_certificate(run, asked, monkeypatch):
    def full(*given):
        raise StorageError("the disk is full")

    settings = SimpleNamespace(validate=SimpleNamespace(certificate=None))
    monkeypatch.setattr(certificates, "read_resolved", lambda directory: (None, settings))
    monkeypatch.setattr(certificates, "record", full)
    run.problem.write_text("name: rod\n")
    said = []
    shown = SimpleNamespace(step=said.append, working=lambda *given: None)
    assert certificates.certificate_of(run.path, "solution", shown) is FOUND
    assert said == ["the certificate is not kept: the disk is full"]
