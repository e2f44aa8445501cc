"""Geometry files that are wrong: each gives one clear line, and never anything but a GeometryError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from na62sim import geometry
from na62sim.geometry import GeometryError, load_detector

HEAD = 'extends = "run1-2018-s2"\n'
SAID = 'source = "assumed: a test"\ntag = "assumed"\n'

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return make


def refused(path: str | Path) -> str:
    """The message of the refusal, which must be a single printable line without a cause to print."""
    with pytest.raises(GeometryError) as caught:
        load_detector(path)
    message = str(caught.value)
    assert message.isprintable()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return message


BLOCKS = {
    "[ktag]\n{said}efficiency = 1.2": "mine.toml: ktag.efficiency = 1.2: must lie in [0, 1]",
    "[ktag]\n{said}eficiency = 0.9": "mine.toml: unknown key 'ktag.eficiency'; did you mean 'ktag.efficiency'?",
    "[ktagg]\n{said}efficiency = 0.9": "unknown key 'ktagg'; did you mean 'ktag'?",
    "[material.straw1]\n{said}x_over_xo = 0.1": "unknown key 'material.straw1.x_over_xo'",
    "[empty]\n": "unknown key 'empty'",
    "[ktag]\nefficiency = 0.9": "mine.toml: ktag.efficiency: source is missing",
    "[ktag]\nsource = ' '\ntag = 'known'\nefficiency = 0.9": "ktag.efficiency: source is empty",
    "[ktag]\nsource = 'x'\nefficiency = 0.9": "ktag.efficiency: tag is missing",
    "[ktag]\nsource = 'x'\ntag = 'knwon'\nefficiency = 0.9": "did you mean 'known'?",
    "[ktag]\nsource = 3\n": "ktag.source = 3 must be text",
    "[gtk.association]\n{said}cda_weights = [0.07, -0.02]": "gtk.association.cda_weights",
    "[gtk.association]\n{said}rich_weights = [-0.07, 0.02]": "gtk.association.rich_weights",
    "[segments]\n{said}momentum_GeV = [10, -90]": "segments.momentum_GeV",
    "[ktag]\n{said}efficiency = true": "ktag.efficiency = True is not a number",
    "[ktag]\n{said}efficiency = nan": "ktag.efficiency = nan must be a finite number",
    "[ktag]\n{said}efficiency = -inf": "must be a finite number",
    "[ktag]\n{said}efficiency = 1979-05-27": "is not a number",
    "[ktag]\n{said}efficiency = 'high'": "mine.toml: ktag.efficiency = 'high': input should be a valid number",
    "[ktag]\n{said}efficiency = [0.9]": "ktag.efficiency = (0.9,): input should be a valid number",
    "[pinunu]\n{said}r2_p_GeV = [15, 2e12]": "r2_p_GeV = [15, 2e+12] has more than 1000 bins of momentum_bin_GeV = 5",
    "[ktag]\n{said}n_sectors = 7.5": "ktag.n_sectors = 7.5: input should be a valid integer",
    "[ktag]\n{said}n_sectors = 4": "mine.toml: ktag: min_sectors = 5 is above n_sectors = 4",
    "[ktag]\n{said}efficiency = {{ value = 0.9, half_rang = 0.1 }}": "did you mean 'half_range'?",
    "[ktag]\n{said}efficiency = {{ value = 0.9, half_range = -0.1 }}": "must not be negative",
    "[ktag]\n{said}efficiency = {{ value = 0.9, half_range = 0.1, sigma = 0.1 }}": "half_range or sigma, not both",
    "[straw]\n{said}hole_x_mm = {{ value = [1, 2, 3, 4], sigma = 1 }}": "one number that belongs to one number",
    "[straw]\n{said}hole_x_mm = {{ value = [1, 2, 3, 4], tags = ['known'] }}": "tags has 1 words",
    "[straw]\n{said}hole_x_mm = [1, 2, 'a', 4]": "not a mixture",
    "[straw]\n{said}hole_x_mm = [[1], [2]]": "list inside a list",
    "[straw]\n{said}hole_half_size_mm = -1": "straw.hole_half_size_mm = -1: must be above 0",
    "[straw]\n{said}chamber_resolution_um = 0": "must be above 0",
    "[gtk]\n{said}z_m = -1": "gtk.z_m = -1: must lie in 0 (the target) to 1000 m",
    "[muv0]\n{said}z_m = 1e30": "must lie in 0 (the target) to 1000 m",
    "[field.fringe]\n{said}z_m = [-1, 184, 185, 186, 187, 188, 192]": "field.fringe.z_m[0] = -1: must lie in 0 (the target)",
    "[tube]\n{said}z_max_m = [158.56, 182.175, 1e30]": "tube.z_max_m[2] = 1e+30: must lie in 0 (the target) to 1000 m",
    "[chod]\n{said}z_m = [239.009, 2000]": "chod.z_m[1] = 2000: must lie in 0 (the target) to 1000 m",
    "[upstream]\n{said}plane_z_m = 2000": "upstream.plane_z_m = 2000: must lie in 0 (the target) to 1000 m",
    "[straw]\n{said}chamber_z_m = [183.508, 204.459, 194.066, 218.885]": "must increase from number to number",
    "[lkr]\n{said}noise_GeV = -0.1": "must not be negative",
    "[lav]\n{said}z_back_m = [1, 2]": "mine.toml: lav: the lists must be equally long: z_front_m has 12, z_back_m has 2",
    "[rich]\n{said}front_z_m = 218.9": "mine.toml: rich.front_z_m: starts at 218.9 m, upstream of the end of straw",
    "[rich]\n{said}back_z_m = 238.11": "newchod.z_front_m: starts at 238.1 m, upstream of the end of rich",
    "[lkr]\n{said}z_m = 244.0": "cryostat_z_max_m = 243.222 must be above z_m = 244.0",
    "[muv12]\n{said}z_m = [243.0, 244.4]": "muv12.z_m: starts at 243 m, upstream of the end of lkr",
    "[sac]\n{said}z_m = 230": "sac.z_m: starts at 230 m, upstream of the end of hasc",
    "[field.mnp33]\n{said}center_z_m = 193.5": "between straw chambers 2 and 3",
    "[decay_volume]\n{said}z_max_m = 200": "mine.toml: decay_volume.z_max_m: 200 m is beyond straw.chamber_z_m[0]",
    "[material.straw1]\n{said}z_m = 190": "material.straw1.z_m: 190 m is not at straw.chamber_z_m[0]",
    "[trigger.masks.pnn]\n{said}l0 = ['RCH']": "unknown condition 'RCH'; did you mean 'RICH'?",
    "[trigger.masks.mine]\n{said}l0 = ['RICH']": "mine.toml: trigger.masks.mine.l1 is missing (and 1 more)",
    "[upstream]\n{said}method = 'boxes'": "upstream.method = 'boxes': input should be 'box' or 'multivariate'",
    "[photon_inefficiency.lkr]\n{said}interpolation = 'log-linear'": "inefficiency_end belongs to",
    "[beam.momentum_GeV]\n{said}x = 1": "common.toml and mine.toml: beam.momentum_GeV is given both as a value and as a block",
    "[lkr]\n{said}satellite = 1": "lkr.satellite is given both as a value and as a block",
    '[beam]\n{said}"a.b" = 1': "may hold only letters",
    '["x\\n\\u001by"]\n': "may hold only letters",
    "[a.b.c.d.e.f.g.h]": "nested too deeply",
    "speed = 3": "unknown key 'speed' outside a block",
    "name = 3": "name = 3 must be text",
    "name = ' '": "name = ' ' must have 1 to 100 printable characters",
    "name = '../../mine'": "none of them a slash",
    'name = "\\u0000"': "must have 1 to 100 printable characters",
    "[ktag": "is not valid TOML",
    "[ktag]\n[ktag]": "is not valid TOML",
    "[ktag]\n{said}efficiency = " + "9" * 400: "an integer beyond 1e300",
    "[ktag]\n{said}efficiency = " + "9" * 5000: "is not valid TOML",
    "[ktag]\n{said}efficiency = " + "[" * 5000: "nested too deeply",
}


@pytest.mark.parametrize(("block", "expected"), BLOCKS.items(), ids=range(len(BLOCKS)))
def test_wrong_block(block: str, expected: str, write: Write) -> None:
    message = refused(write(HEAD + block.format(said=SAID)))
    assert expected in message
    assert "mine.toml" in message or "common.toml" in message


def test_recalled_is_the_word_for_known(write: Write) -> None:
    """Tables print "recalled" for the tag `known`: files may say either, one by one as well."""
    head = HEAD + "[ktag]\nsource = 'x'\n"
    known, recalled = (
        load_detector(write(f"{head}tag = '{tag}'\nefficiency = 0.9\n")) for tag in ("known", "recalled")
    )
    assert recalled.quantity("ktag.efficiency").tag == "known"
    assert known == recalled
    tags = "['recalled', 'known', 'assumed', 'known']"
    text = f"{HEAD}[straw]\nsource = 'x'\nhole_x_mm = {{ value = [1, 2, 3, 4], tags = {tags} }}\n"
    straw = load_detector(write(text))
    assert straw.quantity("straw.hole_x_mm").tags == ("known", "known", "assumed", "known")


def test_lav_overlaps(write: Write) -> None:
    s2 = load_detector("run1-2018-s2")
    front, back = list(s2.lav.z_front_m), list(s2.lav.z_back_m)
    back[1] = 137.0
    said = f"[lav]\n{SAID}"
    assert "stations 2 and 3 overlap" in refused(write(HEAD + said + f"z_back_m = {back}"))
    back = list(s2.lav.z_back_m)
    front[8], back[8] = 193.7, 194.2
    message = refused(write(HEAD + said + f"z_front_m = {front}\nz_back_m = {back}"))
    assert message == "mine.toml: lav.z_front_m: station at 193.7 to 194.2 m overlaps straw.chamber_z_m[1] at 193.869 m"


def test_wrong_files(write: Write, tmp_path: Path) -> None:
    assert "did you mean 'run1-2018-s2'?" in refused("run1-2018-s22")
    assert "no such geometry file" in refused(tmp_path / "none.toml")
    assert "no such geometry file" in refused("none.toml")
    assert "cannot be read" in refused(tmp_path)
    assert "is missing" in refused("common")
    assert "unknown geometry" in refused("")
    assert "mine.toml: extends: unknown geometry 'comon'; did you mean 'common'?" in refused(write("extends = 'comon'"))
    assert "mine.toml: extends = ['common'] must be text" in refused(write("extends = ['common']"))
    assert "circle: mine.toml -> mine.toml" in refused(write("extends = './mine.toml'"))
    write("extends = 'mine.toml'", "b.toml")
    assert "b.toml: extends goes round in a circle" in refused(write("extends = 'b.toml'"))
    refused(write('extends = "a\\u0000.toml"'))
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    assert "is not UTF-8" in refused(tmp_path / "latin.toml")
    assert "is missing" in refused(write(""))


WORDS = st.sampled_from(
    ["[ktag]", "[lav]", "[material.x]", "[[beam]]", "efficiency", "z_m", "value", "source", "tag", '"known"', "=", " = ",
     "{", "}", "[", "]", ",", "1", "-1", "0.5", "nan", "1e400", "0x", "true", "'x'", "1979-05-27", "\n", ".", "#", '"']
)  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.lists(WORDS, max_size=30).map("".join), st.text(max_size=60)), st.booleans())
def test_only_geometry_errors(tmp_path: Path, text: str, extends: bool) -> None:
    path = tmp_path / "fuzz.toml"
    path.write_bytes(((HEAD if extends else "") + text).encode("utf-8", "surrogatepass"))
    try:
        load_detector(path)
    except GeometryError as error:
        assert str(error).isprintable()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_file(tmp_path: Path, data: st.DataObject) -> None:
    """One number or mark of the shared file changed: accepted, or refused in one line."""
    shared = (Path(geometry.__file__).parents[2] / "geometry" / "common.toml").read_text(encoding="utf-8")
    place = data.draw(st.integers(0, len(shared) - 1))
    change = data.draw(st.sampled_from(["", "-", "9", ".", "[", "]", "\n", '"', "e9", "x", "=", "#", "{"]))
    cut = data.draw(st.integers(0, 3))
    (tmp_path / "base.toml").write_text(shared[:place] + change + shared[place + cut :], encoding="utf-8")
    s2 = (Path(geometry.__file__).parents[2] / "geometry" / "run1-2018-s2.toml").read_text(encoding="utf-8")
    (tmp_path / "run.toml").write_text(s2.replace('"common"', '"base.toml"'), encoding="utf-8")
    try:
        load_detector(tmp_path / "run.toml")
    except GeometryError as error:
        assert str(error).isprintable()
