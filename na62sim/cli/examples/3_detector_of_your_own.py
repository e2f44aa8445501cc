# %% [markdown]
# # A detector of your own
# A beam spectrometer with a better angle: what does it do to the resolution of the missing mass and to the acceptance?

# %%
import numpy as np

import na62sim as na

today = na.load_detector("run1-2018-s2")
better = today.with_values({"gtk.angle_resolution_urad": 12.0})
print(today.gtk.angle_resolution_urad, "→", better.gtk.angle_resolution_urad, "µrad")


# %%
def width(detector):
    """Half of the central 68 % of the missing mass squared at the K2pi peak, GeV^2."""
    tracks = na.reconstruct(na.simulate("k2pi", events=20_000, detector=detector, seed=1))
    found = tracks["reco/events"]
    m2 = found["m2_miss"][(found["n_tracks"] == 1) & (found["n_gtk"] > 0)] * 1e-6
    peak = m2[np.abs(m2 - 0.0182) < 0.006]
    low, high = np.quantile(peak, [0.16, 0.84])
    return 0.5 * (high - low)


for name, detector in (("today", today), ("better", better)):
    a = na.acceptance("kpinunu", "pinunu", events=20_000, detector=detector, seed=1).acceptance
    print(f"{name}: σ(m²) = {width(detector):.2e} GeV², acceptance {a}")
