# %% [markdown]
# # A search of your own, from a shipped selection
# K+ → π+X with an invisible X of 200 MeV: a window in the missing mass instead of the two regions of K+ → π+νν̄.

# %%
from dataclasses import replace

import numpy as np
from hepunits import MeV

import na62sim as na

detector = na.load_detector("run1-2018-s2")
m_X = 200.0 * MeV
half_width = 2.0 * 0.82e-3 * 1e6  # two standard deviations of the missing mass squared, MeV^2

shipped = na.load_selection("pinunu", detector)
print([cut.name for cut in shipped.cuts])

# %%
window = {"window": lambda t: np.abs(t["m2_miss"] - m_X**2) < half_width}
mine = replace(shipped, name="peak", regions=window, signal=("window",), bin_column="", bin_edges=())
slow = na.Cut("p < 40 GeV/c", lambda t: t["p"] < 40_000.0 * MeV)
mine = mine.with_cut(slow)

# %%
signal = na.acceptance("kpix", mine, events=20_000, detector=detector, seed=1, m_X=m_X)
background = na.acceptance("kpinunu", mine, events=50_000, detector=detector, seed=1)
expected = na.sensitivity(background, branching_ratio=8.4e-11).expected_events
print(f"acceptance {signal.acceptance}, events of K+ → π+νν̄ in the window: {expected}")

# %% [markdown]
# The limit, if as many events are counted as this background alone gives (other backgrounds are left out here):

# %%
reach = na.sensitivity(
    signal, observed=round(expected.value), background=expected.value, background_error=expected.sigma
)
print(reach)
