"""The shipped examples: written, valid notebooks, and each runs from an empty folder."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from na62sim.cli import main
from na62sim.cli.write_examples import FOLDER, notebook

SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))
EXPECTED = {  # what the example is about comes out
    "1_first_acceptance.py": r"R2 0\.05\d+ \[",
    "2_search_of_your_own.py": r"branching ratio < \d\.\d+e-11 at 90 % CL",
    "3_detector_of_your_own.py": r"better: σ\(m²\) = 1\.0\de-03 GeV², acceptance 0\.0[56]",
    "4_model_in_the_dump.py": r"\n +100  \d\.\d+e-07 to \d\.\d+e-0[56]\n",
    "5_sample_to_fit.py": r"signal strength (0\.9|1\.0)",
}
NEEDS = {"5_sample_to_fit.py": ("awkward", "pyhf")}


def test_there_are_five() -> None:
    assert [name[0] for name in SCRIPTS] == ["1", "2", "3", "4", "5"]


def test_what_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts and notebooks with the same code; what is there already is not replaced."""
    out = tmp_path / "examples"
    assert main(["examples", str(out), "--json"]) == 0
    written = json.loads(capsys.readouterr().out)["files"]
    assert sorted(written) == sorted(path.name for path in out.iterdir())
    for name in SCRIPTS:
        script = (out / name).read_text(encoding="utf-8")
        book = json.loads((out / name).with_suffix(".ipynb").read_text(encoding="utf-8"))
        code = "\n".join("".join(cell["source"]) for cell in book["cells"] if cell["cell_type"] == "code")
        assert ast.dump(ast.parse(code)) == ast.dump(ast.parse(script))
        assert book["cells"][0]["source"][0].startswith("# ")
    (out / SCRIPTS[0]).write_text("mine")
    assert main(["examples", str(out)]) == 1
    assert "--force" in capsys.readouterr().err
    assert (out / SCRIPTS[0]).read_text() == "mine"


def test_notebooks_are_valid() -> None:
    nbformat = pytest.importorskip("nbformat")
    for name in SCRIPTS:
        nbformat.validate(notebook((FOLDER / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs(name: str, tmp_path: Path) -> None:
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    done = subprocess.run(
        [sys.executable, str(FOLDER / name)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.search(EXPECTED[name], done.stdout), done.stdout
