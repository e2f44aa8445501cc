"""Mistakes on the command line: exit code 1 or 2 and one line that names the value and what it may be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from na62sim.cli import main

SIMULATE = "simulate kpix -n 10 -o out.h5"
LIMIT = "limit --observed 0 --background 0.2"
DUMP = "exclusion --channel ee --masses 100"

MISTAKES: list[tuple[str | list[str], int, str]] = [
    # names of results: the ending decides
    (
        "simulate kpix -n 10 -o out.root",
        2,
        "out.root: what is written here is .h5 (with --shard-events a folder), not '.root'",
    ),
    ("simulate kpix -n 10 -o out.H5.txt", 2, "what is written here is .h5"),
    ("simulate kpix -n 1000 -o out.h5 --shard-events 1000", 2, "a folder of shards, not one '.h5' file"),
    ("show a.h5 -o x.txt", 2, "x.txt: what is written here is .png or .pdf or .html or .json, not '.txt'"),
    ("show a.h5 -o x.root", 2, "x.root: what is written here is .png or .pdf or .html or .json"),
    ("show a.h5 -o /nodir/x.png", 1, "/nodir/x.png: there is no folder /nodir"),
    ("show a.h5 -e -1 -o x.png", 2, "event = -1: it must be a whole number from 0"),
    ("show a.h5 -e first", 2, "event = first: it must be a whole number from 0"),
    (f"{DUMP} -o x.txt", 2, "x.txt: what is written here is .csv or .json or .png or .pdf or .yaml, not '.txt'"),
    ("select a.h5 -s pinunu -o x.csv", 2, "x.csv: what is written here is .json, not '.csv'"),
    ("reconstruct a.h5 -o x.root", 2, "x.root: what is written here is .h5, not '.root'"),
    ("merge a.h5 b.h5 -o x.root", 2, "x.root: what is written here is .h5, not '.root'"),
    ("merge a.h5 -o nodir/x.h5", 1, "nodir/x.h5: there is no folder nodir"),
    ("simulate kpix -n 10 -o nodir/out.h5", 1, "nodir/out.h5: there is no folder nodir"),
    (["simulate", "kpix", "-n", "10", "-o", ""], 2, "the name of a file must not be empty"),
    (["show", "a.h5", "-o", ""], 2, "the name of a file must not be empty"),
    (["select", "a.h5", "-s", "pinunu", "-o", ""], 2, "the name of a file must not be empty"),
    (["reconstruct", "a.h5", "-o", " "], 2, "the name of a file must not be empty"),
    (["run", "pinunu-2018", "-o", ""], 2, "the name of a file must not be empty"),
    (["merge", "a.h5", "-o", ""], 2, "the name of a file must not be empty"),
    ([*DUMP.split(), "-o", ""], 2, "the name of a file must not be empty"),
    (["select", "", "-s", "pinunu"], 2, "the name of a file must not be empty"),
    ("info ~nosuchuser/x.h5", 1, "~nosuchuser/x.h5: No such file or directory"),
    ("run ~nosuchuser/x.toml", 1, "~nosuchuser/x.toml"),
    ("run pinunu-2018 -o / --force", 1, "/: is the root of all folders, beside which nothing can be written"),
    ("info kpinunu --verify", 2, "--verify goes with a sample or a folder of shards; this is a process"),
    ("info no.h5 --verify", 1, "no.h5: No such file or directory"),
    ("background all,k2pi", 2, "background row 'all,k2pi': all stands alone, it has every row"),
    ([*SIMULATE.split(), "--skim", ""], 2, "skim = '': it names nothing; leave the option out instead"),
    ([*SIMULATE.split(), "--keep", " "], 2, "keep = ' ': it names nothing; leave the option out instead"),
    ([*SIMULATE.split(), "--as-weights", ""], 2, "as-weights = '': it names nothing; leave the option out instead"),
    # numbers
    (f"{SIMULATE} --seed 1e3", 2, "seed = 1e3: it must be a whole number from 0 to 2**64 - 1"),
    (f"{SIMULATE} --seed -1", 2, "seed = -1: it must be a whole number from 0 to 2**64 - 1"),
    (f"{SIMULATE} --seed 1.5", 2, "seed = 1.5: it must be a whole number from 0 to 2**64 - 1"),
    (f"{SIMULATE} --seed 18446744073709551616", 2, "seed = 18446744073709551616: it must be a whole number from 0"),
    ("run pinunu-2018 --seed x", 2, "seed = x: it must be a whole number from 0 to 2**64 - 1"),
    (f"{SIMULATE} --threads 0", 2, "threads = 0: it must be a whole number from 1 to 4096"),
    (f"{SIMULATE} --threads two", 2, "threads = two: it must be a whole number from 1 to 4096"),
    (f"{SIMULATE} --threads -2", 2, "threads = -2: it must be a whole number from 1 to 4096"),
    (f"{SIMULATE} --workers 0", 2, "workers = 0: it must be a whole number from 1 to 4096"),
    (f"{SIMULATE} --chunk 500", 2, "chunk = 500: it must be a whole number from 1000"),
    (f"{SIMULATE} --chunk 1500", 2, "chunk = 1500: it must be a positive multiple of 1000"),
    (f"{SIMULATE} --chunk all", 2, "chunk = all: it must be a whole number from 1000"),
    (f"{SIMULATE} --intensity high", 2, "intensity = 'high': it must be a number in (0, 100000)"),
    (f"{SIMULATE} --intensity 0", 2, "intensity = 0 is outside the allowed range (0, 100000)"),
    (f"{SIMULATE} --intensity nan", 2, "intensity = nan is outside the allowed range (0, 100000)"),
    ("simulate kpix -n many -o out.h5", 2, "events = 'many' is not a number; it must be a whole number from 1 to 1e12"),
    ("simulate kpix -n nan -o out.h5", 2, "events = nan: it must be a whole number from 1 to 1e12"),
    ("simulate kpix -n inf -o out.h5", 2, "events = inf: it must be a whole number from 1 to 1e12"),
    ("bench --repeat 0", 2, "repeat = 0: it must be a whole number from 1 to 1000"),
    ("bench --repeat x", 2, "repeat = x: it must be a whole number from 1 to 1000"),
    (f"{DUMP} --eps-points 2", 2, "eps_points = 2: it must be a whole number from 3"),
    (f"{DUMP} --eps-min small", 2, "eps_min = 'small': it must be a number in (0, 1]"),
    (f"{DUMP} --pot nan", 2, "pot = nan is outside the allowed range (0, 1e25)"),
    (f"{DUMP} --pot all", 2, "pot = 'all': it must be a number in (0, 1e25)"),
    (f"{DUMP} --cl 90", 2, "cl = 90 is outside the allowed range (0, 1)"),
    ("limit --observed few --background 0.2", 2, "observed = 'few': it must be a number in [0, 100000]"),
    ("limit --observed -1 --background 0.2", 2, "observed = -1 is outside the allowed range [0, 100000]"),
    ("limit --observed 0.5 --background 0.2", 2, "observed = 0.5 is not a whole number; allowed: 0, 1, 2"),
    ("limit --observed 0 --background some", 2, "background = 'some': it must be a number in [0, 100000]"),
    (f"{LIMIT} --background-error -1", 2, "background_error = -1 is outside the allowed range [0, 100000]"),
    (f"{LIMIT} --efficiency-error 0.6", 2, "efficiency_error = 0.6 is outside the allowed range [0, 0.5]"),
    (f"{LIMIT} --ses 0", 2, "ses = 0 is outside the allowed range (0, inf)"),
    (f"{LIMIT} --cl 90%", 2, "cl = '90%': it must be a number in (0, 1)"),
    (f"{LIMIT} --method bays", 2, "did you mean 'bayes'?"),
    # parameters and lifetimes
    (f"{SIMULATE} -p m_X=nanMeV", 2, "m_X = nanMeV is not a number; write for example m_X=17MeV"),
    (f"{SIMULATE} -p m_X=150", 2, "m_X = 150 has no unit; write for example m_X=17MeV"),
    (f"{SIMULATE} -p m_X=354.1069MeV", 2, "must be below 354.106"),
    (f"{SIMULATE} -p m_X", 2, "parameter 'm_X' must have the form NAME=VALUE"),
    (f"{SIMULATE} -p m_X=1MeV -p m_X=2MeV", 2, "parameter 'm_X' is given twice"),
    (
        "acceptance kpix -s pinunu -n 10 --lifetimes m_X=10MeV:100MeV:3",
        2,
        "m_X is not a lifetime; write tau_NAME or ctau_NAME",
    ),
    ("acceptance kpix -s pinunu -n 10 --lifetimes ctau_X=10m", 2, "must have the form NAME=LOW:HIGH:N"),
    ("acceptance kpix -s pinunu -n 10 --lifetimes ctau_X=10m:1m:3", 2, "two increasing lifetimes above 0"),
    ("acceptance kpix -s pinunu -n 10 --lifetimes ctau_X=1m:10m:x", 2, "number of lifetimes = 'x' is not a number"),
    ("acceptance kpix -s pinunu", 2, "give a number of events (-n 1e6) or a precision"),
    (["simulate", "K+ → pi+ Y", "-n", "10", "-o", "out.h5"], 2, "-p m_Y=100MeV"),
    (["simulate", "K+ → pi+", "-n", "10", "-o", "out.h5"], 2, "K+ needs at least two daughters"),
    ("simulate kpix -n 10 -o out.h5 --shard-events 10 --resume --force", 2, "give one of both"),
]


@pytest.mark.parametrize(("words", "code", "message"), MISTAKES, ids=[str(row[0]) for row in MISTAKES])
def test_mistake(
    words: str | list[str],
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words.split() if isinstance(words, str) else words) == code
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert not list(tmp_path.iterdir())


def test_none_of_the_simulated_background(capsys: pytest.CaptureFixture[str]) -> None:
    """0 ± 0.3 is taken; with nothing observed the limit is that without a background."""
    assert main([*["limit", "--observed", "0", "--background", "0", "--background-error", "0.3", "--json"]]) == 0
    assert json.loads(capsys.readouterr().out)["upper_limit"] == pytest.approx(2.302585, rel=1e-5)


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("run", ["points of scans", "masses of a dump", "The folder to write"]),
        ("simulate", ["NAME.h5", "of shards the folder"]),
        ("select", ["FILE.json"]),
        ("show", ["FILE.png or .pdf", "FILE.html", "FILE.json", "NAME-event-I.png"]),
        ("exclusion", ["In MeV (the result gives them in GeV)", "FILE.png or .pdf", ".csv or .yaml (HEPData)"]),
        ("limit", ["of a background of 0"]),
    ],
)
def test_help_says_it(verb: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for word in words:
        assert word in text
