"""examples: five scripts to run and to change, as Python and as notebooks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from na62sim.cli import options
from na62sim.cli.output import emit, say

FOLDER = Path(__file__).resolve().with_name("examples")
_CELL = "# %%"


def examples(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", parser=options.path, help="Where to; made if it is not there.")
    ] = Path("na62sim-examples"),
    force: options.Force = False,
    as_json: options.Json = False,
) -> None:
    """Write five runnable examples: scripts (jupytext, percent format) and notebooks."""
    from na62sim.sample.atomic import target_of, write_whole

    texts = {}
    for script in sorted(FOLDER.glob("*.py")):
        text = script.read_text(encoding="utf-8")
        texts[script.name] = text
        texts[script.with_suffix(".ipynb").name] = json.dumps(notebook(text), indent=1, ensure_ascii=False) + "\n"
    folder.mkdir(parents=True, exist_ok=True)
    for name in texts:  # all or none
        target_of(folder / name, force=force)
    for name, text in texts.items():
        write_whole(folder / name, text, force=force)
    say(f"{folder}: {len(texts)} files")
    lines = [f"python {folder / name}" for name in texts if name.endswith(".py")]
    emit({"folder": str(folder), "files": list(texts)}, as_json, "\n".join(lines))


def notebook(script: str) -> dict[str, Any]:
    """A script in percent format as a notebook (nbformat 4.5).

    Examples
    --------
    >>> [cell["cell_type"] for cell in notebook("# %% [markdown]\\n# # Title\\n\\n# %%\\nprint(1)\\n")["cells"]]
    ['markdown', 'code']
    """
    cells: list[dict[str, Any]] = []
    for number, part in enumerate(f"\n{script}".split(f"\n{_CELL}")[1:]):
        head, _, body = part.partition("\n")
        lines = body.strip("\n").splitlines(keepends=True)
        if "[markdown]" in head:
            source = [line.removeprefix("#").removeprefix(" ") for line in lines]
            cells.append({"cell_type": "markdown", "id": f"cell-{number}", "metadata": {}, "source": source})
        else:
            more: dict[str, Any] = {"execution_count": None, "outputs": []}
            cells.append({"cell_type": "code", "id": f"cell-{number}", "metadata": {}, "source": lines, **more})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
