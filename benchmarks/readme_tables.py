"""The tables of "What it reproduces" in .github/guide/physics.md: made, stored and written there by one command.

    python benchmarks/readme_tables.py -n 200000 --seed 1

Runs what `na62sim validate` runs, and two samples of the five-track analysis. The numbers go into readme_tables.json
beside this file, and the tables, under a line with version, number of events and seed, between the marks of that page;
tests/test_readme_tables.py compares both. ``--stored`` makes nothing and writes the stored numbers there again.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import na62sim as na
from na62sim.core.version import program_version, source_hash
from na62sim.simulation.conditions import Conditions
from na62sim.statistics.text import number, pm
from na62sim.study.kaon.count import count
from na62sim.study.kaon.limits import expected_yield
from na62sim.study.kaon.normalisation import normalise
from na62sim.study.kaon.rows import row_of
from na62sim.study.plan import plan
from na62sim.study.resolution.masses import Masses
from na62sim.study.scenario.scenario import load_scenario
from na62sim.study.validation import CASCADE_FACTOR, validation

STORED = Path(__file__).with_suffix(".json")
PAGE = Path(__file__).resolve().parents[1] / ".github" / "guide" / "physics.md"
S1, S2, MUMU, EE, AA = "run1-2018-s1", "run1-2018-s2", "dump-2021-mumu", "dump-2021-ee", "kpiaa"

# quantity, keys of published numbers, unit, and whether the obtained number is given as a ratio to the published one
Row = tuple[str, tuple[str, ...], float, str, bool]
KAON: list[Row] = [
    ("A(K2π), 2018 S2", (f"{S2}.acceptance_k2pi",), 1.0, "", False),
    ("A(πνν), 2018 S2", (f"{S2}.acceptance_pinunu",), 1.0, "", False),
    ("A(πνν)/A(K2π), 2018 S2", (f"{S2}.ratio",), 1.0, "", False),
    ("SES, 2018 S2", (f"{S2}.ses",), 1e-10, "·10⁻¹⁰", False),
    ("expected Standard Model events, 2018 S2", (f"{S2}.expected_events",), 1.0, "", False),
    ("A(πνν), 2017", ("run1-2017.acceptance_pinunu",), 1.0, "", False),
    ("A(πνν), 2018 S1, R2 15–45 (15–35) GeV/c", (f"{S1}.acceptance_pinunu",), 1.0, "", False),
    ("σ(m²) at the K2π peak", ("sigma_m2_GeV2",), 1e-3, "·10⁻³ GeV²", False),
    ("σ(p)/p at 10, 30, 50 GeV/c (calibrated)", tuple(f"sigma_p_over_p.{p}" for p in (10, 30, 50)), 1e-2, " %", False),
    ("track angle at 10, 50 GeV/c", ("sigma_theta_urad.10", "sigma_theta_urad.50"), 1.0, " µrad", False),
    ("K2π with m² in R1 or R2 (tails)", ("k2pi.kinematic_tails",), 1e-4, "·10⁻⁴", False),
]
CASCADES_AND_DUMP: list[Row] = [
    ("A(50)/A(155), A(100)/A(155) of K → πaa, trigger included", (f"{AA}.shape.50", f"{AA}.shape.100"), 1.0, "", False),
    ("A(15)/A(155) (with m_4e > 150 MeV)", (f"{AA}.shape.15",), 1.0, "", False),
    ("90 % CL limit at m_a = 15, 50, 100, 155 MeV", tuple(f"{AA}.upper_limit.{m}" for m in (15, 50, 100, 155)), 1e-10,
     "·10⁻¹⁰", False),
    ("90 % CL limit of K → π4e, Standard Model shape (with m_4e > 150 MeV)", ("kpi4e.upper_limit",), 1e-8, "·10⁻⁸", False),
    ("normalisation events, from the decays of the data sets (from the published N_K)", ("normalisation.events",), 1.0, "",
     False),
    ("K+ → π+π0π0, both π0 → e+e−γ with soft photons, in the signal region", ("k3pi0-dd.events",), 1e-8, "·10⁻⁸ events",
     False),
    ("m(3π) resolution", ("m_3pi",), 1.0, " MeV", False),
    ("A' → μμ, ε at 0.30 GeV, lower and upper edge", (f"{MUMU}.eps_low.300", f"{MUMU}.eps_high.300"), 1e-7, "·10⁻⁷", True),
    ("A' → μμ, ε at 0.40 GeV", (f"{MUMU}.eps_low.400", f"{MUMU}.eps_high.400"), 1e-7, "·10⁻⁷", True),
    ("A' → μμ, ε at 0.22 GeV", (f"{MUMU}.eps_low.220", f"{MUMU}.eps_high.220"), 1e-7, "·10⁻⁷", True),
    ("mass where the A' → μμ region closes", (f"{MUMU}.closing",), 1e3, " GeV", False),
    ("A' → ee, ε at 0.20 GeV", (f"{EE}.eps_low.200", f"{EE}.eps_high.200"), 1e-7, "·10⁻⁷", True),
]  # fmt: skip

Number = Mapping[str, Any]


def obtained(events: int, seed: int, threads: int | None) -> dict[str, list[Number]]:
    """Every number of the tables by its key: published and obtained, with their standard deviations and a remark."""
    found: dict[str, list[Number]] = {}
    for row in validation(events, seed=seed, threads=threads, say=lambda text: print(text, file=sys.stderr)).rows:
        found.setdefault(row.key, []).append({
            "published": row.published, "published_sigma": row.published_sigma,
            "obtained": row.obtained, "obtained_sigma": row.obtained_sigma,
        })  # fmt: skip
    scenario = plan(load_scenario("pi4e-2017-2018").scaled_to(CASCADE_FACTOR * events))
    assert scenario.normalisation is not None and scenario.scenario.limits is not None
    own = scenario.normalisation
    normalisation = normalise(own.block, own.process, own.mixture, own.trigger, seed, threads)
    for sample in scenario.samples:
        block = sample.block
        if block.label != "k3pi0-dd":
            continue
        counted = count(sample.process, block.selection, sample.mixture, seed, 4 * events, trigger=own.trigger,
                        conditions=Conditions(photons=block.photons), threads=threads)  # fmt: skip
        assert block.branching_ratio is not None
        row = row_of(counted, {})
        expected = expected_yield("", ("", ""), row, block.branching_ratio, scenario.scenario.limits, normalisation)
        found[f"{block.label}.events"] = [_own(expected.expected_events or 0.0, expected.expected_sigma or 0.0)]
    found["normalisation.events"] = [
        {**_own(n.value, n.sigma), "published": own.block.counted, "published_sigma": own.block.counted_sigma}
        for n in normalisation.predicted.values()
    ]
    masses = Masses()
    na.acceptance("k3pi", "k3pi", events, "run1-2018-s2", seed, decay_volume_m=(105, 180), threads=threads,
                  keep=masses.fill)  # fmt: skip
    measured = masses.resolutions()["m_3pi"]
    found["m_3pi"] = [{**_own(measured["value"], measured["error"]), "published_text": "0.8–0.9 MeV"}]
    return found


def _own(value: float, sigma: float) -> Number:
    return {"published": None, "published_sigma": None, "obtained": value, "obtained_sigma": sigma}


def _words(values: Sequence[tuple[float | None, float | None]], unit: float, name: str) -> str:
    """Numbers in a unit, with their standard deviations; a dash where there is none."""
    texts = [pm(v / unit, s / unit if s else None) if s else number(v / unit, 3) for v, s in values if v is not None]
    if not texts:
        return "–"
    bracket = name.startswith("·") and (len(texts) > 1 or "±" in texts[0])
    text = ", ".join(texts)
    return (f"({text})" if bracket else text) + name


def line(row: Row, numbers: Mapping[str, Sequence[Number]]) -> str:
    """A row of a table in Markdown; the second value of a key, in another range, stands in brackets."""
    quantity, keys, unit, name, relative = row
    first = [numbers[key][0] for key in keys]
    published = first[0].get("published_text") or _words(
        [(n["published"], n["published_sigma"]) for n in first], unit, name
    )
    if relative:
        ratios = [(n["obtained"] / n["published"] if n["obtained"] else None, None) for n in first]
        return f"| {quantity} | {published} | {_words(ratios, 1.0, '')} times as large |"
    text = _words([(n["obtained"], n["obtained_sigma"]) for n in first], unit, name)
    if len(keys) == 1 and len(numbers[keys[0]]) > 1:
        other = numbers[keys[0]][1]
        text += f" ({_words([(other['obtained'], other['obtained_sigma'])], unit, name)})"
    return f"| {quantity} | {published} | {text} |"


def stamp(stored: Mapping[str, Any]) -> str:
    """What the numbers were made with."""
    return (
        f"`python benchmarks/readme_tables.py -n {stored['events']} --seed {stored['seed']}`"
        f" made both tables, with version {stored['version']}."
    )


def blocks(stored: Mapping[str, Any]) -> dict[str, list[str]]:
    """Lines of the page by the mark in front of them: what made the tables, and the tables in Markdown."""
    head = ["| quantity | published | obtained |", "|---|---|---|"]
    rows = {"kaon": KAON, "cascades and dump": CASCADES_AND_DUMP}
    tables = {name: [*head, *(line(row, stored["numbers"]) for row in of)] for name, of in rows.items()}
    return {"stamp": [stamp(stored)], **tables}


def filled(text: str, found: Mapping[str, Sequence[str]]) -> str:
    """A text with the lines between each mark ``<!-- made: NAME -->`` and the next ``<!-- end -->`` made anew.

    Raises
    ------
    ValueError : a mark is missing
    """
    for name, lines in found.items():
        before, mark, rest = text.partition(f"<!-- made: {name} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        if not mark or not end:
            raise ValueError(
                f"{PAGE.name} has no place for the lines of {name!r}: {mark or '<!-- made: … -->'} … <!-- end -->"
            )
        text = before + mark + "\n".join(lines) + "\n" + end + after
    return text


def main() -> None:
    """Make the numbers, store them, and write the tables into the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--events", type=float, default=2e5, help="events of each sample (2e5)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--stored", action="store_true", help="make nothing: write the stored numbers again")
    words = parser.parse_args()
    if words.stored:
        stored = json.loads(STORED.read_text(encoding="utf-8"))
    else:
        events = int(words.events)
        numbers = obtained(events, words.seed, words.threads)
        stored = {
            "version": program_version(),
            "sources": source_hash(),
            "events": events,
            "seed": words.seed,
            "numbers": {key: numbers[key] for row in (*KAON, *CASCADES_AND_DUMP) for key in row[1]},
        }
    made = blocks(stored)
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
    STORED.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(*("\n".join(lines) for lines in made.values()), sep="\n\n")


if __name__ == "__main__":
    main()
