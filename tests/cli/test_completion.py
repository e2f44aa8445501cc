"""The completion of the shell knows every verb, option and name."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from typer.main import get_command

from na62sim.cli.app import app
from na62sim.cli.completion import SHELLS, completion_script
from na62sim.study.search import available_searches

bash = shutil.which("bash")


def completed(words: list[str]) -> list[str]:
    """What bash offers behind these words; the last is incomplete."""
    assert bash is not None
    code = f"""
    {completion_script("bash", get_command(app))}
    COMP_WORDS=(na62sim "$@"); COMP_CWORD=$#; COMPREPLY=()
    _na62sim
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        [bash, "-u", "-c", code, "bash", *words], capture_output=True, text=True, check=True, timeout=300
    )
    assert not done.stderr
    return done.stdout.split()


@pytest.mark.skipif(bash is None, reason="no bash on the PATH")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ac"], {"acceptance"}),
        (["--"], {"--help", "--version"}),
        (["acceptance", "k2pi"], {"k2pi", "k2pi-dalitz", "k2pi-4e", "k2pig"}),
        (["acceptance", "kpinunu", "--selection", "pin"], {"pinunu"}),
        (["acceptance", "kpinunu", "-s", "pinunu", "-g", "run1-2018"], {"run1-2018-s1", "run1-2018-s2"}),
        (["acceptance", "kpinunu", "--decay"], {"--decay-volume"}),
        (["simulate", "kpix", "-p", "m_X"], {"m_X="}),
        (["simulate", "kpix", "--photons", ""], {"dice", "weight"}),
        (["run", "pinunu-20"], {"pinunu-2016-2022", "pinunu-2017", "pinunu-2018", "pinunu-2022"}),
        (["search", "kp"], {*available_searches()}),  # not what cannot be searched for
        (["info", "col"], {"columns"}),
        (["background", "k2"], {"k2pi"}),
        (["exclusion", "--production", "a"], {"all"}),
        (["simulate", "kpix", "-o", ""], set()),  # left to the shell: files
    ],
    ids=lambda value: " ".join(sorted(value) if isinstance(value, set) else value),  # the same in each process
)
def test_bash(words: list[str], expected: set[str]) -> None:
    assert set(completed(words)) >= expected
    assert all(word.startswith(words[-1]) for word in completed(words))
    if words[0] in ("search", "simulate"):
        assert set(completed(words)) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_nothing_is_left_out(shell: str) -> None:
    """Every verb with every option; the shell itself takes the script, where it is there."""
    program = get_command(app)
    script = completion_script(shell, program)
    for verb, command in program.commands.items():  # type: ignore[attr-defined]
        lines = "\n".join(line for line in script.splitlines() if verb in line)
        for parameter in command.params:
            long = [name for name in parameter.opts if name.startswith("--")]
            shown = [f"-l {name[2:]} " for name in long] if shell == "fish" else long
            assert all(name in lines for name in shown), (verb, long)
    found = shutil.which(shell)
    if found is not None:
        subprocess.run([found, "-n", "-c", script], check=True, timeout=300)


def test_other_shells_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    from na62sim.cli import main

    assert main(["completion", "bsh"]) == 2
    assert "'bsh' is not one of bash, zsh, fish; did you mean 'bash'" in capsys.readouterr().err
