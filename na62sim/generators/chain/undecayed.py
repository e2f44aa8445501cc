"""Short-lived neutral particles that a descriptor leaves undecayed: nothing decays them later, and no detector sees them."""

from __future__ import annotations

from collections.abc import Collection

from na62sim.core.constants import LIGHT
from na62sim.core.particles import is_hidden, species
from na62sim.generators.chain.descriptor import Decay, leaves, written

_SHORT = 1000.0  # mm of c tau
_USUAL = {  # a frequent decay of each, to be written into the descriptor
    "pi0": "gamma gamma",
    "eta": "gamma gamma",
    "etap": "pi+ pi- gamma",
    "omega": "pi+ pi- (pi0 -> gamma gamma)",
    "rho0": "pi+ pi-",
    "KS": "pi+ pi-",
    "Lambda": "p pi-",
    "Lambdabar": "pbar pi+",
}


def short_lived(name: str) -> bool:
    """Whether a known neutral particle decays within a metre, on average and without its boost.

    >>> short_lived("pi0"), short_lived("KL"), short_lived("gamma")
    (True, False, False)
    """
    return not is_hidden(name) and species(name).charge == 0 and species(name).lifetime * LIGHT < _SHORT


def check_undecayed(tree: Decay, stable: Collection[str] = ()) -> None:
    """Check that what is left undecayed is meant to be.

    Raises
    ------
    ValueError : a short-lived neutral particle is left undecayed and not named in ``stable``, or ``stable`` names
        anything else
    """
    undecayed = [name for name in dict.fromkeys(leaves(tree)) if short_lived(name)]
    for name in stable:
        if name not in undecayed:
            raise ValueError(
                f"stable '{name}': only a short-lived neutral particle that is left undecayed can be declared stable"
                f" ({', '.join(undecayed) or 'none'} in '{written(tree)}')"
            )
    missing = [name for name in undecayed if name not in stable]
    if missing:
        names, options = " and ".join(missing), " ".join(f"--stable {name}" for name in missing)
        raise ValueError(
            f"{names} {'are' if len(missing) > 1 else 'is'} left undecayed; write {_decayed(tree, missing)},"
            f" or stable={{{', '.join(map(repr, missing))}}} ({options}) if that is meant"
        )


def _decayed(node: Decay, missing: Collection[str]) -> str:
    """The descriptor with a usual decay of each particle that misses one."""
    parts = []
    for d in node.daughters:
        if d.daughters:
            parts.append(f"({_decayed(d, missing)})")
        else:
            parts.append(f"({d.name} -> {_USUAL[d.name]})" if d.name in missing else d.name)
    return f"{node.name} -> {' '.join(parts)}"
