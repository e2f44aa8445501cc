"""Geometry files: what is shipped is whole, and a file of one's own changes what it says."""

from __future__ import annotations

import math
import os
import pickle
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from na62sim.geometry import TAGS, Detector, GeometryError, available_detectors, files, load_detector
from na62sim.geometry import detector as module_of_detector

SHIPPED = ["run1-2017", "run1-2018-s1", "run1-2018-s2", "run2-2022"]
HEAD = 'extends = "run1-2018-s2"\n'
SAID = 'source = "assumed: a test"\ntag = "assumed"\n'

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def s2() -> Detector:
    return load_detector("run1-2018-s2")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


# --- what is shipped ---------------------------------------------------------------------------


def test_available() -> None:
    assert set(SHIPPED) <= set(available_detectors())
    assert "common" not in available_detectors()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_files(name: str) -> None:
    detector = load_detector(name)
    assert detector.name == name
    assert detector.description
    assert len(detector.sha256) == 64
    total = 0
    for entry in detector.quantities():
        assert entry.source.strip() and set(entry.each_tag) <= set(TAGS), entry.path
        assert len(entry.each_tag) == len(entry.numbers)
        assert all(math.isfinite(number) for number in entry.numbers)
        # A source that says "assumed" must not stand behind a stronger tag.
        assert not entry.source.startswith("assumed") or entry.tag == "assumed", entry.path
        total += len(entry.numbers)
    assert sum(detector.counts().values()) == total > 400
    assert list(detector.counts()) == list(TAGS)


@pytest.mark.parametrize("name", SHIPPED)
def test_merged_text_is_the_same_detector(name: str, write: Write) -> None:
    detector = load_detector(name)
    again = load_detector(write(detector.text, "again.toml"))
    assert again == detector and again.text == detector.text and hash(again) == hash(detector)
    assert again.counts() == detector.counts()
    assert "extends" not in tomllib.loads(detector.text)


def test_published_numbers(s2: Detector) -> None:
    assert s2.straw.chamber_z_m == (183.508, 194.066, 204.459, 218.885)
    assert s2.straw.hole_x_mm == (101.2, 114.4, 92.4, 52.8)
    assert s2.lav.z_front_m[8] == 192.709 and s2.lav.radius_out_mm[11] == 1440.0 and len(s2.lav.z_back_m) == 12
    assert (s2.beam.momentum_GeV, s2.beam.slope_x_mrad, s2.gtk.z_m) == (75.0, 1.2, 102.4)
    assert (s2.rich.focal_length_mm, s2.rich.electron_ring_radius_mm) == (17020.0, 189.65)
    assert (s2.lkr.stochastic, s2.lkr.noise_GeV, s2.lkr.constant) == (0.048, 0.11, 0.009)
    assert s2.quantity("lkr.muon_misid").value == 1.2e-5
    assert (s2.muv3.z_m, s2.sac.z_m, s2.lkr.z_m) == (246.8, 260.956, 241.093)
    assert s2.trigger.masks["pnn"].l0 == ("RICH", "UTMC", "!QX", "!MUV3", "!LKr30")
    assert s2.trigger.masks["control"].l1 == () and s2.trigger.masks["control"].downscaling == 400
    assert isinstance(s2.beam.momentum_GeV, float) and isinstance(s2.ktag.n_sectors, int)


def test_field_integrals(s2: Detector) -> None:
    """Integrals and kicks given beside the tables, in T m and GeV/c."""
    tube = s2.field.blue_tube
    lengths = [high - low for low, high in pairwise(tube.z_edges_m)]
    assert sum(b * dz for b, dz in zip(tube.b_x_uT, lengths, strict=True)) == pytest.approx(360, rel=0.05)
    assert sum(b * dz for b, dz in zip(tube.b_y_uT, lengths, strict=True)) == pytest.approx(-1140, rel=0.02)
    kick = -0.299792458
    assert kick * s2.field.mnp33.integral_Tm == pytest.approx(-0.270, abs=2e-4)
    assert kick * s2.field.trim5.integral_Tm == pytest.approx(75 * 1.2e-3, abs=2e-4)
    assert kick * s2.field.bend.integral_Tm == pytest.approx(-1.021, abs=2e-4)


def test_losses_add_up(s2: Detector) -> None:
    interacting = sum(layer.interaction_fraction for layer in s2.material.values())
    assert interacting == pytest.approx(0.17, abs=0.01)
    loss = s2.quantity("hadronic.lost_fraction")
    assert 1 - interacting * s2.hadronic.lost_fraction == pytest.approx(0.91, abs=0.005)
    assert loss.half_range is not None and interacting * loss.half_range == pytest.approx(0.04, abs=0.003)
    parts = s2.chod.efficiency * s2.newchod.efficiency * s2.lkr.efficiency
    assert parts == pytest.approx(s2.matching.efficiency, abs=2e-4)


def test_data_sets_differ() -> None:
    sets = {name: load_detector(name) for name in SHIPPED}
    assert [sets[name].decay_volume.z_max_m for name in SHIPPED] == [165.0, 165.0, 170.0, 170.0]
    assert [sets[name].upstream.method for name in SHIPPED] == ["box", "box", "multivariate", "multivariate"]
    assert [sets[name].dataset.kaons for name in SHIPPED] == [1.5e12, 7.97e11, 1.91e12, 2.85e12]
    assert [sets[name].pinunu.r2_p_GeV[1] for name in SHIPPED] == [35.0, 45.0, 45.0, 45.0]
    assert [sets[name].dataset.random_veto_I0_MHz for name in SHIPPED] == [1100.0, 1100.0, 1100.0, 1260.0]
    s1 = sets["run1-2018-s1"]
    assert s1.pinunu.r2_alternative_p_GeV == (15.0, 35.0)
    assert s1.quantity("pinunu.r2_p_GeV").tag == "assumed"
    assert sets["run1-2018-s2"].pinunu.r2_alternative_p_GeV is None
    assert (sets["run2-2022"].anti0 is None, s1.anti0 is None) == (False, True)


# --- a number and what it rests on --------------------------------------------------------------


def test_quantity(s2: Detector) -> None:
    ktag = s2.quantity("ktag.efficiency")
    assert (ktag.value, ktag.half_range, ktag.sigma, ktag.tag) == (0.98, 0.01, None, "known")
    assert ktag.standard_deviation == pytest.approx(0.01 / math.sqrt(3))
    assert ktag.path == "ktag.efficiency" and ktag.file == "common.toml"
    assert s2.quantity("dataset.trigger_efficiency").standard_deviation == 0.05
    assert s2.quantity("lkr.cell_mm").standard_deviation is None
    lkr = s2.quantity("photon_inefficiency.lkr.inefficiency")
    assert lkr.tag == "assumed" and lkr.each_tag.count("known") == 4
    with pytest.raises(GeometryError, match=r"did you mean 'ktag\.efficiency'"):
        s2.quantity("ktag.eficiency")


def test_file_of_ones_own(write: Write, s2: Detector) -> None:
    mine = load_detector(write(HEAD + f"[ktag]\n{SAID}efficiency = 0.5\n"))
    assert mine.name == "mine" and mine.ktag.efficiency == 0.5
    entry = mine.quantity("ktag.efficiency")
    assert (entry.tag, entry.file, entry.half_range) == ("assumed", "mine.toml", None)
    assert mine.quantity("ktag.time_resolution_ns") == s2.quantity("ktag.time_resolution_ns")
    assert mine.sha256 != s2.sha256
    write("extends = 'mine.toml'\nname = 'grandchild'", "other.toml")
    other = load_detector(write("extends = './other.toml'", "third.toml"))
    assert (other.name, other.ktag.efficiency) == ("third", 0.5)


def test_with_values(s2: Detector) -> None:
    changed = s2.with_values({"ktag.efficiency": 0.97, "straw.hole_x_mm": [100, 110, 90, 50]})
    assert changed.ktag.efficiency == 0.97 and changed.straw.hole_x_mm == (100.0, 110.0, 90.0, 50.0)
    assert s2.ktag.efficiency == 0.98 and s2.straw.hole_x_mm[0] == 101.2
    assert changed != s2 and changed.counts()["assumed"] == s2.counts()["assumed"] + 5
    assert changed.quantity("ktag.efficiency").half_range == 0.01
    assert load_detector("run1-2018-s2", override={"ktag.efficiency": 0.97}).ktag.efficiency == 0.97
    wrong: list[tuple[dict[str, object], str]] = [
        ({"ktag.eficiency": 0.9}, "did you mean 'ktag.efficiency'"),
        ({"ktag.efficiency": 1.1}, r"override: ktag.efficiency = 1.1: must lie in \[0, 1\]"),
        ({"ktag.efficiency": True}, "not a number"),
        ({"straw.chamber_z_m": [1, 2, 3]}, "override: straw.chamber_z_m"),
        ({"gtk.z_m": 180.0}, "decay_volume.z_min_m: 105 m is upstream of gtk.z_m"),
    ]
    for values, expected in wrong:
        with pytest.raises(GeometryError, match=expected):
            s2.with_values(values)


def test_frozen_and_picklable(s2: Detector) -> None:
    with pytest.raises(ValueError, match="frozen"):
        s2.ktag.efficiency = 0.5
    again = pickle.loads(pickle.dumps(s2))
    assert again == s2 and again.quantity("ktag.efficiency") == s2.quantity("ktag.efficiency")


def test_shipped_files_are_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, s2: Detector) -> None:
    """The same object again, until a shipped file changes; nobody's changed copy is handed out."""
    assert load_detector("run1-2018-s2") is load_detector("run1-2018-s2")
    changed = load_detector("run1-2018-s2", override={"ktag.efficiency": 0.5})
    assert changed.ktag.efficiency == 0.5 != load_detector("run1-2018-s2").ktag.efficiency
    folder = shutil.copytree(files.shipped_folder(), tmp_path / "geometry")
    for module in (files, module_of_detector):
        monkeypatch.setattr(module, "shipped_folder", lambda: folder)
    assert load_detector("run1-2018-s2") == s2
    common = folder / "common.toml"
    text = common.read_text(encoding="utf-8")
    assert "efficiency = { value = 0.98, half_range = 0.01 }" in text
    common.write_text(text.replace("efficiency = { value = 0.98, half_range", "efficiency = { value = 0.9, half_range"))
    os.utime(common, ns=(1, 1))
    assert load_detector("run1-2018-s2").ktag.efficiency == 0.9


def test_import_is_light() -> None:
    code = "import sys, na62sim.geometry; print(sorted({'numba', 'scipy', 'matplotlib'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
