"""The tables of .github/guide/dump.md: regions obtained beside the published ones, made and stored by one command.

    python benchmarks/dump_tables.py -n 20000 --seed 1

Prints obtained over published in the coupling and in events, for the region of 2025 (all channels and productions, form
factor) and for those of 2023 and 2024 with both productions. The same goes into dump_tables.json beside this file, with
which a test (tests/test_dump_tables.py) compares that page.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import na62sim as na
from na62sim.core.version import program_version
from na62sim.study.dump.published_contours import compare_edges, published_contours
from na62sim.study.published import published_numbers

STORED = Path(__file__).with_suffix(".json")
OF_2025 = (30.0, 100.0, 200.0, 300.0, 400.0, 600.0, 800.0)
EARLIER = {
    "mumu": (220.0, 300.0, 400.0, 500.0, 510.0, 520.0, 530.0, 540.0, 550.0, 560.0, 580.0),
    "ee": (50.0, 100.0, 200.0, 400.0, 470.0, 480.0, 500.0, 520.0, 540.0, 560.0, 580.0),
}


def of_2025(events: int, seed: int, threads: int | None) -> list[dict[str, Any]]:
    """Both edges at each mass beside the published ones; at 30 MeV with 15 times the events: the upper edge, of fast
    mesons, needs them."""
    rows = []
    for masses, number in ((OF_2025[:1], 15 * events), (OF_2025[1:], events)):
        options: dict[str, Any] = {"masses": masses, "events": number, "seed": seed, "threads": threads}
        found = na.exclusion(channel="all", production="all", form_factor="on", **options)
        rows += [asdict(row) for row in compare_edges(found.region, published_contours()["na62-2025-dark-photon"])]
    return rows


def earlier(events: int, seed: int, threads: int | None) -> list[dict[str, Any]]:
    """Edges and closing mass of 2023 (mu mu) and 2024 (e e), bremsstrahlung alone and with meson decays."""
    known, rows = published_numbers(), []
    for channel, masses in EARLIER.items():
        for production in ("brems", "all"):
            options: dict[str, Any] = {"masses": masses, "events": events, "seed": seed, "threads": threads}
            region = na.exclusion(channel=channel, production=production, **options).region
            start = f"dump-2021-{channel}."
            for key in (k for k in known if k.startswith(start)):
                name, _, mass = key.removeprefix(start).partition(".")
                if name == "closing":
                    rows.append(
                        _row(channel, production, 0.0, name, known[key].value, region.closing and region.closing[0])
                    )
                if name not in ("eps_low", "eps_high"):
                    continue
                k, end = list(region.masses).index(float(mass)), name == "eps_high"
                row = _row(channel, production, float(mass), name, known[key].value, region.edges()[end][k])
                logs = np.interp(
                    math.log(known[key].value), np.log(region.couplings), np.log(np.maximum(region.events[k], 1e-99))
                )
                row["events"] = math.exp(logs) / region.levels["observed"][k]
                row["mc_error"] = region.mc_errors()[end][k]
                rows.append(row)
    return rows


def apart(events: int, seed: int, threads: int | None) -> list[dict[str, Any]]:
    """The edges of mu mu at 0.22 GeV with a separation of the tracks at the LKr, a customary cut that was not read."""
    known, rows = published_numbers(), []
    detector = na.load_detector("dump-2021").with_values({"dimuon.lkr_separation_mm": 200.0})
    for production in ("brems", "all"):
        options: dict[str, Any] = {"masses": [220.0], "events": events, "seed": seed, "threads": threads}
        region = na.exclusion(channel="mumu", production=production, detector=detector, **options).region
        for end, name in enumerate(("eps_low", "eps_high")):
            published = known[f"dump-2021-mumu.{name}.220"].value
            rows.append(_row("mumu", production, 220.0, name, published, region.edges()[end][0]))
    return rows


def _row(
    channel: str, production: str, mass: float, edge: str, published: float, obtained: float | None
) -> dict[str, Any]:
    ratio = None if obtained is None else obtained / published
    return {
        "channel": channel, "production": production, "mass": mass, "edge": edge, "published": published, "obtained": obtained,
        "ratio": ratio,
    }  # fmt: skip


def tables(stored: dict[str, Any]) -> list[list[str]]:
    """The rows of both tables in Markdown, without their heads."""
    new = []
    for mass in dict.fromkeys(row["mass"] for row in stored["2025"]):
        ends = {row["edge"]: row for row in stored["2025"] if row["mass"] == mass}
        cells = [word for end in ("low", "high") for word in _cells(ends.get(end))]
        new.append(f"| {mass / 1e3:.2f} | " + " | ".join(cells) + " |")
    old = []
    keys = dict.fromkeys((row["channel"], row["mass"], row["edge"]) for row in stored["earlier"])
    for channel, mass, edge in keys:
        own = {
            r["production"]: r
            for r in stored["earlier"]
            if (r["channel"], r["mass"], r["edge"]) == (channel, mass, edge)
        }
        words = {"eps_low": "lower edge", "eps_high": "upper edge", "closing": "closing mass"}[edge]
        place = f"{words}, {mass / 1e3:.2f} GeV" if mass else words
        value = f"{own['brems']['published']:.2e}" if mass else f"{own['brems']['published'] / 1e3:.3f} GeV"
        old.append(f"| {channel}, {place} | {value} | {_ratio(own['brems'])} | {_ratio(own['all'])} |")
    for edge, words in (("eps_low", "lower"), ("eps_high", "upper")):
        own = {row["production"]: row for row in stored["apart"] if row["edge"] == edge}
        place = f"mumu, {words} edge, 0.22 GeV, tracks > 200 mm apart at the LKr"
        old.append(f"| {place} | {own['brems']['published']:.2e} | {_ratio(own['brems'])} | {_ratio(own['all'])} |")
    return [new, old]


def _cells(row: dict[str, Any] | None) -> list[str]:
    """Published edge, obtained over published, and events at the published edge over the limit."""
    return ["–", "–", "–"] if row is None else [f"{row['published']:.2e}", *_pair(row)]


def _pair(row: dict[str, Any]) -> tuple[str, str]:
    return "–" if row["ratio"] is None else f"{row['ratio']:.2f}", f"{row['events']:.2f}"


def _ratio(row: dict[str, Any]) -> str:
    """Over the published one, in the coupling and, in brackets, in events."""
    value = "–" if row["ratio"] is None else f"{row['ratio']:.2f}"
    return f"{value} ({row['events']:.2f})" if "events" in row else value


def stamp(stored: dict[str, Any]) -> str:
    """What the numbers were made with."""
    return (
        f"`python benchmarks/dump_tables.py -n {stored['events']} --seed {stored['seed']}`, version {stored['version']}"
    )


def main() -> None:
    """Make the numbers, store them, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", "--events", type=float, default=20_000, help="events of each sample")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("-o", "--out", type=Path, default=STORED, help="where the numbers are stored")
    words = parser.parse_args()
    options = (int(words.events), words.seed, words.threads)
    stored = {"version": program_version(), "events": options[0], "seed": words.seed}
    stored |= {"2025": of_2025(*options), "earlier": earlier(*options), "apart": apart(*options)}
    words.out.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(stamp(stored))
    heads = (
        "| m [GeV] | lower | ratio in ε | in events | upper | ratio in ε | in events |\n|---|---|---|---|---|---|---|",
        "| quantity | published | bremsstrahlung | with mesons |\n|---|---|---|---|",
    )
    for head, rows in zip(heads, tables(stored), strict=True):
        print("", head, *rows, sep="\n")


if __name__ == "__main__":
    main()
