"""Hidden particles, their decays and what limits on them are on, in mathematics."""

from __future__ import annotations

from na62sim.generators.processes.dump_model import DumpModel
from na62sim.study.dump.productions import product_words

__all__ = ["FINAL", "decay_words", "hidden_symbol", "mass_label", "power_text", "product_label"]

FINAL = {
    "mumu": r"\mu^{+}\mu^{-}",
    "ee": "e^{+}e^{-}",
    "pipi": r"\pi^{+}\pi^{-}",
    "KK": "K^{+}K^{-}",
    "both": r"\mu^{+}\mu^{-}$ and $e^{+}e^{-}",
}


def hidden_symbol(name: str) -> str:
    """The particle in mathematics."""
    return "$" + name.replace("'", r"\prime") + "$"


def mass_label(name: str) -> str:
    """The axis of the mass of a particle: a prime that is not raised again can be seen."""
    return f"$m_{{{hidden_symbol(name)[1:-1]}}}$ [GeV/$c^2$]"


def decay_words(hidden: str, channel: str) -> str:
    """A decay in mathematics; ``all`` is every channel.

    Examples
    --------
    >>> decay_words("A'", "ee")
    '$A\\\\prime\\\\to e^{+}e^{-}$'
    """
    if channel == "all":
        return f"{hidden_symbol(hidden)}, all channels"
    space = " " if FINAL[channel][0].isalpha() else ""
    return f"{hidden_symbol(hidden)[:-1]}\\to{space}{FINAL[channel]}$"


def product_label(model: DumpModel, production: str, channel: str = "") -> str:
    """What a limit at a lifetime is on, in mathematics; of any channel without one."""
    final = FINAL[channel] if channel else "f"
    words = product_words(model, production, "f").split(" x ")[0]
    start = words.replace("BR(", r"BR($").replace("->", r"\to").replace(model.hidden, hidden_symbol(model.hidden)[1:-1])
    if start.endswith(")"):
        start = start[:-1] + "$)"
    elif words.startswith("eps"):
        start = r"$\varepsilon^2$"
    return rf"{start} $\times$ BR(${hidden_symbol(model.hidden)[1:-1]}\to {final}$)"


def power_text(value: float) -> str:
    """A number of protons, or a coupling, as a power of ten."""
    digits, _, exponent = f"{value:.3g}".partition("e")
    return rf"${digits}\times 10^{{{int(exponent)}}}$" if exponent else digits
