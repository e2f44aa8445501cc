"""completion: what a shell needs to complete verbs, options and names.

The script is made from the verbs themselves and holds all names, so that nothing of Python runs when a key is pressed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

__all__ = ["SHELLS", "completion", "completion_script"]

_WORDS = """\
# Completion of na62sim, version {version}: made by `na62sim completion {shell}`.

# words that may stand at a place: the verb, the word before, the beginning of the word itself
_na62sim_words() {{
    case "$1:$2" in
{values}
    esac
    case "$1:$3" in
{options}
    esac
    case "$1" in
{places}
    esac
}}
"""

_BASH = """
_na62sim() {
    local word=${COMP_WORDS[COMP_CWORD]} words
    if ((COMP_CWORD == 1)); then
        words="@VERBS@ --help --version"
    else
        words=$(_na62sim_words "${COMP_WORDS[1]}" "${COMP_WORDS[COMP_CWORD - 1]}" "$word")
    fi
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o bashdefault -o default -F _na62sim na62sim
"""

_ZSH = """
_na62sim() {
    local words_here
    if ((CURRENT == 2)); then
        words_here="@VERBS@ --help --version"
    else
        words_here=$(_na62sim_words "$words[2]" "$words[CURRENT-1]" "$words[CURRENT]")
    fi
    compadd -S '' -- ${(M)${=words_here}:#*=}
    compadd -- ${${=words_here}:#*=} || _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _na62sim na62sim
"""


def completion(
    context: typer.Context, shell: Annotated[str, typer.Argument(metavar="bash|zsh|fish", help="For which shell.")]
) -> None:
    """Print a script that completes verbs, options and names, for bash: eval "$(na62sim completion bash)"."""
    from na62sim.core.suggest import did_you_mean

    if shell not in SHELLS:
        raise ValueError(
            f"shell = {shell!r} is not one of {', '.join(SHELLS)}{did_you_mean(shell, SHELLS, listed=True)}"
        )
    assert context.parent is not None
    print(completion_script(shell, context.parent.command), end="")


def completion_script(shell: str, program: Any) -> str:
    """The script for a shell.

    Parameters
    ----------
    shell : bash, zsh or fish
    program : the command line, with its verbs
    """
    verbs: dict[str, Any] = dict(program.commands)
    return SHELLS[shell](shell, verbs, _names())


def _names() -> dict[str, list[str]]:
    """What there is, by the name of the parameter that takes it."""
    from na62sim.detector.response.as_weights import KINDS
    from na62sim.generators.processes.dump import DUMP_MODELS
    from na62sim.generators.registry import parameters_of, registry
    from na62sim.geometry import available_detectors
    from na62sim.report.reference import REFERENCES
    from na62sim.selection.registry import SELECTIONS
    from na62sim.simulation.stored import GROUPS
    from na62sim.study.kaon.background_parts import NAMES
    from na62sim.study.kaon.mixture import DATA
    from na62sim.study.scenario.scenario import available_scenarios
    from na62sim.study.search import available_searches

    processes, detectors = list(registry()), list(available_detectors())
    selections, scenarios = list(SELECTIONS), list(available_scenarios())
    parameters = dict.fromkeys(name for process in processes for name in parameters_of(process) or ())
    return {
        "process": processes,
        "search.process": list(available_searches()),
        "selection": selections,
        "skim": selections,
        "keep": GROUPS,
        "geometry": detectors,
        "a": detectors,
        "b": detectors,
        "scenario": scenarios,
        "thing": list(dict.fromkeys([*processes, *selections, *detectors, *scenarios, *REFERENCES])),
        "parameter": [f"{name}=" for name in parameters],
        "data": list(DATA),
        "row": [*NAMES, "all"],
        "as_weights": [*KINDS, "all"],
        "model": list(DUMP_MODELS),
        "channel": [*dict.fromkeys(name for model in DUMP_MODELS.values() for name in model.channels), "both", "all"],
        "production": [*dict.fromkeys(name for model in DUMP_MODELS.values() for name in model.productions), "all"],
    }


def _values(verb: str, parameter: Any, names: Mapping[str, list[str]]) -> list[str]:
    """What an option or an argument takes, as far as it is known: names, or the words of ``dice|weight``."""
    found = names.get(f"{verb}.{parameter.name}", names.get(parameter.name))
    if found is not None:
        return found
    words = str(parameter.metavar or "").strip("[]").split("|")
    return [word for word in words if re.fullmatch(r"[a-z]\w*", word)] if len(words) > 1 else []


def _parts(command: Any) -> tuple[list[Any], list[Any]]:
    """The options of a verb, and its arguments."""
    options = [p for p in command.params if p.param_type_name == "option"]
    return options, [p for p in command.params if p.param_type_name != "option"]


def _posix(shell: str, verbs: Mapping[str, Any], names: Mapping[str, list[str]]) -> str:
    """For bash and zsh: one table of words, which both shells ask."""
    from na62sim.core.version import program_version

    values, flags, places = [], [], []
    for verb, command in verbs.items():
        options, arguments = _parts(command)
        taken: dict[str, list[str]] = {}  # options by what they take
        for option in options:
            if not option.is_flag:
                words = " ".join(_values(verb, option, names))
                taken.setdefault(words, []).extend(f"{verb}:{name}" for name in option.opts)
        values += [f"        {'|'.join(cases)}) echo '{words}'; return ;;" for words, cases in taken.items()]
        shown = " ".join(name for option in options for name in option.opts if name.startswith("--"))
        flags.append(f"        {verb}:-*) echo '{shown} --help'; return ;;")
        words = " ".join(dict.fromkeys(word for argument in arguments for word in _values(verb, argument, names)))
        if words:
            places.append(f"        {verb}) echo '{words}' ;;")
    table = _WORDS.format(
        version=program_version(),
        shell=shell,
        values="\n".join(values),
        options="\n".join(flags),
        places="\n".join(places),
    )
    return table + {"bash": _BASH, "zsh": _ZSH}[shell].replace("@VERBS@", " ".join(verbs))


def _fish(shell: str, verbs: Mapping[str, Any], names: Mapping[str, list[str]]) -> str:
    """For fish, which shows what a verb and an option do as well."""
    from na62sim.core.version import program_version

    lines = [f"# Completion of na62sim, version {program_version()}: made by `na62sim completion {shell}`."]
    for verb, command in verbs.items():
        lines.append(f"complete -c na62sim -n __fish_use_subcommand -f -a {verb} -d {_quoted(command.short_help)}")
    for verb, command in verbs.items():
        options, arguments = _parts(command)
        start = f"complete -c na62sim -n '__fish_seen_subcommand_from {verb}'"
        lines += [start + line for option in options for line in _fish_option(verb, option, names)]
        words = [word for argument in arguments for word in _values(verb, argument, names)]
        if words:
            lines.append(f"{start} -a {_quoted(' '.join(dict.fromkeys(words)))}")
    return "\n".join(lines) + "\n"


def _fish_option(verb: str, option: Any, names: Mapping[str, list[str]]) -> Iterator[str]:
    spelled = "".join(f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.opts)
    words = "" if option.is_flag else " -r"
    known = [] if option.is_flag else _values(verb, option, names)
    if known:
        words += f" -f -a {_quoted(' '.join(known))}"
    yield f"{spelled}{words} -d {_quoted(option.help or '')}"


def _quoted(text: str) -> str:
    """Text between the quotes of fish."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SHELLS = {"bash": _posix, "zsh": _posix, "fish": _fish}
