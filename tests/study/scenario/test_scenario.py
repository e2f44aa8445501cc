"""Scenarios: the shipped ones, a user's own, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from na62sim.generators.chain.process import Process
from na62sim.generators.processes.dump import find_model
from na62sim.generators.registry import process_of
from na62sim.geometry import load_detector
from na62sim.study.dump.productions import default_production
from na62sim.study.plan import plan
from na62sim.study.scan import measure_point
from na62sim.study.scenario.scenario import ScenarioError, available_scenarios, load_scenario, read_scenario

SMALL = """
name = "small"
seed = 3

[[sample]]
label = "signal"
process = "kpix"
parameters = { m_X = "17MeV", ctau_X = "30mm" }
geometry = "run1-2018-s2"
selection = "pinunu"
events = 2000
"""


def read(text: str) -> object:
    return read_scenario(text.encode(), Path("own.toml"))


@pytest.mark.parametrize("name", available_scenarios())
def test_shipped(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    plan(scenario)
    if scenario.exclusion is not None:
        assert load_detector(scenario.exclusion.geometry).dump is not None
        return
    if scenario.scan:
        assert scenario.limits is not None and scenario.limits.kaons is None  # they come from the normalisation
        assert scenario.normalisation is not None and scenario.normalisation.events >= 1e7
        return
    if any(block.trigger for block in scenario.sample):
        assert all(block.trigger for block in scenario.sample)
        return
    roles = [block.role for block in scenario.sample]
    assert roles.count("signal") == roles.count("normalisation") >= 1
    for block in scenario.sample:
        assert load_detector(block.geometry).dataset.kaons > 1e11


@pytest.mark.parametrize("name", available_scenarios())
def test_text_gives_the_scenario_again(name: str) -> None:
    scenario = load_scenario(name)
    again = read_scenario(scenario.text.encode(), Path("again.toml"))
    assert again.text == scenario.text
    assert again.sha256 == scenario.sha256
    assert again.sample == scenario.sample
    assert again.exclusion == scenario.exclusion
    assert (again.limits, again.scan) == (scenario.limits, scenario.scan)


def test_an_empty_word_is_not_the_default() -> None:
    scenario = read(SMALL + '\n[run]\nbranching_ratio_source = ""\n')
    again = read_scenario(scenario.text.encode(), Path("again.toml"))  # type: ignore[attr-defined]
    assert again.run.branching_ratio_source == ""


def test_own_file(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(SMALL)
    scenario = load_scenario(path)
    assert scenario.sample[0].parameters == {"m_X": "17MeV", "ctau_X": "30mm"}
    assert scenario.sample[0].role == "count"
    plan(scenario)
    assert load_scenario(str(path)).sha256 == scenario.sha256


def test_geometry_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('extends = "run1-2018-s2"\nname = "mine"\ndescription = "mine"\n')
    path = tmp_path / "own.toml"
    path.write_text(SMALL.replace('"run1-2018-s2"', '"mine.toml"'))
    scenario = load_scenario(path)
    plan(scenario)
    assert scenario.geometries_of(scenario.sample[0]) == (str(tmp_path / "mine.toml"),)
    assert scenario.with_seed(5).geometries_of(scenario.sample[0]) == (str(tmp_path / "mine.toml"),)


def test_seed_and_scale() -> None:
    scenario = load_scenario("pinunu-2018")
    assert scenario.with_seed(9).seed == 9
    assert scenario.with_seed(9).sha256 != scenario.sha256
    small = scenario.scaled_to(1000)
    assert max(block.events for block in small.sample) == 1000
    assert all(block.stored_events <= block.events for block in small.sample)
    with pytest.raises(ScenarioError, match="seed = -1"):
        scenario.with_seed(-1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "sed = 3", "unknown key sed; did you mean 'seed'"),
        ("events = 2000", "evnts = 2000", "did you mean 'events'"),
        ("events = 2000", "", r"sample\[1\].events is missing"),
        ("events = 2000", "events = 0", "events = 0: input should be greater"),
        ("events = 2000", "events = -5", "events = -5"),
        ("events = 2000", 'events = "many"', "events = 'many'"),
        ("events = 2000", "events = 2e3", "events = 2000.0"),
        ("events = 2000", "events = true", "events = True"),
        ("events = 2000", 'events = 2000\nphotons = "maybe"', "photons = 'maybe'"),
        ("events = 2000", "events = 2000\ndecay_volume_m = [170, 105]", "two increasing numbers"),
        ("events = 2000", "events = 2000\ndecay_volume_m = [105]", "decay_volume_m"),
        ("events = 2000", "events = 2000\nintensity_MHz = 0", "intensity_MHz = 0"),
        ("seed = 3", "seed = -3", "seed = -3"),
        ('label = "signal"', 'label = "../signal"', "label = '../signal'"),
        ('label = "signal"', 'label = ""', "label = ''"),
        ('name = "small"', 'name = "a b"', "name = 'a b'"),
        ('"17MeV"', '"17Mev"', "did you mean 'MeV'"),
        ('"17MeV"', "17", "m_X = 17: input should be a valid string"),
        ("seed = 3", "seed = ", "own.toml: "),
        ("seed = 3", "[run]\nbranching_ratio = 2.0", "run.branching_ratio = 2.0"),
        ("seed = 3", "[run]\nfigure = true", "did you mean 'figures'"),
    ],
)
def test_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        read(SMALL.replace(old, new))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("own.toml: ")


def test_refused_whole_files() -> None:
    for content in (
        b"",
        b"\xff\xfe",
        b"name = 'x'",
        b"sample = []\nname='x'",
        b"sample = 5\nname='x'",
        b"a = " + b"[" * 5000,
    ):
        with pytest.raises(ScenarioError, match=r"^own\.toml: "):
            read_scenario(content, Path("own.toml"))
    with pytest.raises(ScenarioError, match=r"^own\.toml: scenario: a scenario needs a \[\[sample\]\]"):
        read_scenario(b"name = 'x'", Path("own.toml"))
    twice = SMALL + SMALL[SMALL.index("[[sample]]") :]
    with pytest.raises(ScenarioError, match="two samples have the label 'signal'"):
        read(twice)
    signals = twice.replace('"kpix"', '"kpinunu"\nrole = "signal"').replace('label = "signal"', 'label = "other"', 1)
    with pytest.raises(ScenarioError, match="two samples of role 'signal'"):
        read(signals)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"kpix"', '"kpx"', "sample signal: process 'kpx' is unknown; did you mean 'kpix'"),
        ("m_X =", "m_Y =", "parameter 'm_Y' of kpix is unknown"),
        ('"17MeV"', '"400MeV"', "must be below"),
        ('"run1-2018-s2"', '"run1-2018-s3"', "unknown geometry"),
        ('"pinunu"', '"pinun"', "selection 'pinun' is unknown"),
        ('"pinunu"', '"pi\\u0000\\u202e"', r"selection 'pi\\x00\\u202e' is unknown"),
    ],
)
def test_check(old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        plan(read(SMALL.replace(old, new)))


OWN_DECAY = """
name = "own-decay"

[[sample]]
label = "sample"
process = "K+ -> pi- mu+ mu+"
allow = ["lepton"]
geometry = "run1-2018-s2"
selection = "k3pi"
events = 2000

[[scan]]
label = "scan"
process = "K+ -> pi+ pi0 X"
stable = ["pi0"]
geometry = "run1-2018-s2"
selection = "pinunu"
events = 500
[scan.axes]
m_X = { start = 10.0, stop = 20.0, step = 10.0 }
"""


def test_a_decay_may_violate_and_leave_undecayed_what_its_block_says() -> None:
    """As ``--allow`` and ``--stable`` of the command line, for samples and for every point of a scan."""
    scenario = read_scenario(OWN_DECAY.encode(), Path("own.toml"))
    planned = plan(scenario)
    assert planned.samples[0].process.violates == {"lepton"}
    assert len(planned.scans[0].points) == 2
    assert planned.scans[0].remarks == {"phase_space": ["K+"], "stable": ["pi0"]}
    row = measure_point(planned.scans[0], planned.scans[0].points[0], seed=1)
    assert row.n_generated == 500
    again = read_scenario(scenario.text.encode(), Path("again.toml"))
    assert (again.sample, again.scan) == (scenario.sample, scenario.scan)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('allow = ["lepton"]\n', "", "sample sample: .*lepton"),
        ('stable = ["pi0"]\n', "", "scan scan: pi0 is left undecayed"),
        ('stable = ["pi0"]', 'stable = ["X"]', "scan scan: stable 'X'"),
        ('"K+ -> pi- mu+ mu+"', '"kmu2"', "sample sample: kmu2: what is allowed"),
        ('["lepton"]', '["charge"]', r"sample\[1\].allow\[1\] = 'charge': input should be 'lepton' or 'baryon'"),
        ('["lepton"]', '"lepton"', r"sample\[1\].allow = 'lepton'"),
        ("allow =", "alow =", "unknown key sample\\[1\\].alow; did you mean 'allow'"),
    ],
)
def test_what_a_block_may_not_allow(old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        plan(read_scenario(OWN_DECAY.replace(old, new).encode(), Path("own.toml")))


REGION = """
name = "region"
[exclusion]
channels = ["mumu"]
geometry = "dump-2021"
events = 1000
masses_MeV = [300, 400]
eps_min = 1e-8
eps_max = 1e-5
"""


def test_an_exclusion_is_a_scenario() -> None:
    scenario = read(REGION)
    assert scenario.exclusion.model == "dark-photon" and scenario.sample == ()  # type: ignore[attr-defined]
    assert default_production(find_model(scenario.exclusion.model)) == "brems"  # type: ignore[attr-defined]
    assert scenario.scaled_to(50).exclusion.events == 50  # type: ignore[attr-defined]
    plan(scenario)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["mumu"]', "[]", "exclusion.channels"),
        ("eps_max = 1e-5", "eps_max = 1e-9", "eps_min = 1e-08 must be below eps_max = 1e-09"),
        ("[300, 400]", "[]", "masses_MeV"),
        ("[300, 400]", "[-300]", "masses_MeV must be above 0"),
        ("eps_min", "epsmin", "did you mean 'eps_min'"),
        ("events = 1000", "events = 1000\nprotons = 0.0", "protons = 0.0"),
    ],
)
def test_refused_exclusions(old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message) as caught:
        read(REGION.replace(old, new))
    assert str(caught.value).startswith("own.toml: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('["mumu"]', '["mumi"]', "channel 'mumi' is unknown; did you mean 'mumu'"),
        (
            "events = 1000",
            'events = 1000\nmodel = "dark-foton"',
            "dump model 'dark-foton' is unknown; did you mean 'dark-photon'",
        ),
        ("events = 1000", 'events = 1000\nparameters = { m_Aprime = "2MeV" }', "masses come from --masses"),
    ],
)
def test_exclusions_that_cannot_be_planned(old: str, new: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        plan(read(REGION.replace(old, new)))


def test_exclusion_without_a_dump() -> None:
    with pytest.raises(ScenarioError, match=r"region: exclusion: the geometry run2-2022 has no block \[dimuon\]"):
        plan(read(REGION.replace("dump-2021", "run2-2022")))


def test_exclusion_of_an_unknown_production() -> None:
    with pytest.raises(ScenarioError, match="region: exclusion: production 'bremss' is unknown; did you mean 'brems'"):
        plan(read(REGION.replace("events = 1000", 'events = 1000\nproduction = "bremss"')))


def test_exclusion_does_not_take_its_mass_twice() -> None:
    with pytest.raises(ScenarioError, match="masses come from --masses \\(masses_MeV in a scenario"):
        plan(read(REGION.replace("events = 1000", 'events = 1000\nparameters = { m_Aprime = "2MeV" }')))


def test_unknown_name() -> None:
    with pytest.raises(ScenarioError, match="did you mean 'pinunu-2018'"):
        load_scenario("pinunu2018")
    with pytest.raises(FileNotFoundError):
        load_scenario("nosuch.toml")


def test_process_of() -> None:
    assert process_of("kpinunu", {"shape": "scalar"}).amplitude == {"K+": "scalar"}
    mine = process_of(
        "K+ -> pi+ (S -> (A' -> e+ e-) (A' -> e+ e-))", {"m_S": 100.0, "m_Aprime": 30.0, "tau_Aprime": 0.01}
    )
    assert isinstance(mine, Process)
    assert mine.mass == {"S": 100.0, "A'": 30.0}
    assert mine.lifetime == {"A'": 0.01}
    with pytest.raises(ValueError, match="only masses"):
        process_of("K+ -> pi+ X", {"shape": "scalar"})


VALUES = st.recursive(
    st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=5)),
    lambda x: st.lists(x, max_size=3),
    max_leaves=4,
)
KEYS = ("label", "process", "geometry", "selection", "events", "role", "parameters", "photons", "decay_volume_m",
        "intensity_MHz", "stored_events", "extra")  # fmt: skip


@given(st.sampled_from(KEYS), VALUES)
def test_any_value_is_taken_or_refused_in_one_line(key: str, value: object) -> None:
    from na62sim.study.scenario.toml import _literal

    lines = [line for line in SMALL.splitlines() if not line.startswith(f"{key} =")]
    text = "\n".join([*lines, f"{key} = {_literal(value)}"])
    try:
        read(text)
    except ScenarioError as error:
        assert "\n" not in str(error)


def test_a_file_of_events_relative_to_the_scenario(tmp_path: Path) -> None:
    event = "E 5 1 2\nU MEV MM\nP 1 0 321 0 0 0 493.677 493.677 4\nV -1 0 [1]\nP 2 -1 -13 0 0 235.53 258.14 105.66 1\n"
    listing = f"HepMC::Asciiv3-START_EVENT_LISTING\n{event}HepMC::Asciiv3-END_EVENT_LISTING\n"
    (tmp_path / "mine.hepmc3").write_text(listing)
    text = """
name = "file"
[[sample]]
label = "mine"
process = "mine.hepmc3"
geometry = "run1-2018-s2"
selection = "pinunu"
events = 1
"""
    planned = plan(read_scenario(text.encode(), tmp_path / "file.toml")).samples[0]
    assert planned.process.n_events == 1 and planned.process.descriptor == "K+ -> mu+"
    with pytest.raises(ScenarioError, match=r"file: sample mine: .*/other\.hepmc3: there is no such file"):
        plan(read_scenario(text.replace("mine.hepmc3", "other.hepmc3").encode(), tmp_path / "file.toml"))
