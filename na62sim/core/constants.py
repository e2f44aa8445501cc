"""Constants of nature, exact by definition or by CODATA, and what follows from them."""

from __future__ import annotations

ALPHA = 1.0 / 137.035999  # CODATA 2018
HBAR_C = (
    197.3269804 * 1e-12
)  # MeV mm, exact by definition of the SI; hepunits takes longer to load than --help to print
LIGHT = 299.792458  # mm/ns, exact by definition of the metre
KICK = 0.299792458  # MeV/c per T mm and unit charge: c in the units of the field
KICK_PER_TM = 299.792458  # MeV/c per T m and unit charge
