"""Keys without effect and keys of earlier versions: whoever changes or uses one is told so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from na62sim.geometry import Detector, GeometryError, available_detectors, load_detector
from na62sim.geometry.detector import detector_from_text
from na62sim.geometry.retired import RETIRED, Retired

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


def test_context_keys(s2: Detector) -> None:
    assert {"beam.kaon_fraction", "beam.spill_s", "lkr.cell_mm", "target.z_m", "random_veto.lav"} <= set(s2.context)
    assert not {"beam.momentum_GeV", "lkr.efficiency", "material.straw1.z_m", "ktag.efficiency"} & set(s2.context)
    assert s2.quantity("beam.kaon_fraction").context and not s2.quantity("beam.momentum_GeV").context
    # those who read the schema alone are told, too
    beam = Detector.model_json_schema()["$defs"]["Beam"]["properties"]
    assert beam["spill_s"]["context"] is True and "context" not in beam["momentum_GeV"]


@pytest.mark.parametrize("name", available_detectors())
def test_marks_leave_the_digest(name: str) -> None:
    detector = load_detector(name)
    assert detector.context_changed == ()
    assert "context =" not in detector.text


def test_changed_by_override(s2: Detector) -> None:
    changed = load_detector("run1-2018-s2", override={"beam.kaon_fraction": 0.07, "ktag.efficiency": 0.97})
    assert changed.context_changed == ("beam.kaon_fraction",)
    assert "changed without effect: beam.kaon_fraction" in repr(changed) and "\n" not in repr(changed)
    assert "effect" not in repr(s2)
    again = changed.with_values({"beam.spill_s": 4.8, "beam.effective_spill_s": 3.5})  # 4.8 is what it was
    assert again.context_changed == ("beam.effective_spill_s", "beam.kaon_fraction")
    back = again.with_values({"beam.effective_spill_s": 3.0, "beam.kaon_fraction": 0.06})
    assert back.context_changed == ()


def test_changed_by_file(write: Write) -> None:
    path = write(f"{HEAD}[beam]\n{SAID}kaon_fraction = 0.07\nspill_s = 4.8\nmomentum_GeV = 74\n")
    assert load_detector(path).context_changed == ("beam.kaon_fraction",)
    # a file that extends the user's own, and goes back in one key and away in another
    child = write(f'extends = "mine.toml"\n[beam]\n{SAID}kaon_fraction = 0.06\nspill_s = 5\n', "child.toml")
    assert load_detector(child).context_changed == ("beam.spill_s",)


def test_changed_block(write: Write) -> None:
    """A whole block that the parent does not have."""
    numbers = "z_m = 104.4\nradius_mm = 960\nefficiency = 0.99\ntime_resolution_ns = 1.0\n"
    found = load_detector(write(f"{HEAD}[anti0]\n{SAID}{numbers}")).context_changed
    assert set(found) == {f"anti0.{key}" for key in ("z_m", "radius_mm", "efficiency", "time_resolution_ns")}


def test_stored_text_changes_nothing(s2: Detector) -> None:
    changed = s2.with_values({"beam.kaon_fraction": 0.07})
    assert detector_from_text(changed.text, "sample").context_changed == ()
    assert detector_from_text(changed.text, "sample") == changed


# --- retired keys ------------------------------------------------------------------------------


@pytest.fixture
def retired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RETIRED, "beam.tilt_mrad", Retired("0.3", "give beam.slope_x_mrad"))
    monkeypatch.setitem(RETIRED, "cloud", Retired("0.4", "nothing read it"))


OLD = f"\n[beam.tilt]\n[cloud]\n{SAID}height_m = 3\n[cloud.drop]\n{SAID}radius_mm = 1\n"


def test_retired_in_stored_text(s2: Detector, retired: None) -> None:
    old = {"value": 1.5, "tag": "assumed", "source": "a test"}
    line = "tilt_mrad = { " + ", ".join(f"{k} = {v!r}" for k, v in old.items()) + " }\n"
    text = s2.text.replace("[beam]\n", f"[beam]\n{line}") + OLD.replace("[beam.tilt]\n", "")
    detector = detector_from_text(text, "sample")
    assert detector.beam == s2.beam
    # it stays in the text, which is read again as the same detector
    assert detector.quantity("beam.tilt_mrad").value == 1.5 and detector.quantity("cloud.drop.radius_mm").value == 1
    assert detector_from_text(detector.text, "sample").sha256 == detector.sha256 != s2.sha256
    assert detector.with_values({"ktag.efficiency": 0.97}).ktag.efficiency == 0.97


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"[beam]\n{SAID}tilt_mrad = 1",
            "mine.toml: beam.tilt_mrad is retired since version 0.3: give beam.slope_x_mrad",
        ),
        (f"[cloud]\n{SAID}height_m = 1", "mine.toml: cloud is retired since version 0.4: nothing read it"),
        (f"[cloud.drop]\n{SAID}radius_mm = 1", "mine.toml: cloud is retired since version 0.4: nothing read it"),
        ("[cloud]", "mine.toml: cloud is retired since version 0.4: nothing read it"),
    ],
)
def test_retired_in_a_file(text: str, message: str, write: Write, retired: None) -> None:
    with pytest.raises(GeometryError) as caught:
        load_detector(write(HEAD + text))
    assert str(caught.value) == message


def test_retired_in_an_override(s2: Detector, retired: None) -> None:
    with pytest.raises(GeometryError, match=r"beam\.tilt_mrad is retired since version 0.3: give beam\.slope_x_mrad"):
        s2.with_values({"beam.tilt_mrad": 1.0})


def test_nothing_retired_is_a_key() -> None:
    """A name cannot be retired and in use."""
    for name in available_detectors():
        used = {entry.path for entry in load_detector(name).quantities()}
        assert not {path for path in used for old in RETIRED if path == old or path.startswith(f"{old}.")}
