# %% [markdown]
# # From a sample to awkward arrays, a histogram and a fit
# Needs the packages awkward and pyhf: `pip install "na62sim[examples]"`.

# %%
import awkward as ak
import hist
import numpy as np
import pyhf

import na62sim as na

tracks = na.reconstruct(na.simulate("k2pi", events=20_000, detector="run1-2018-s2", seed=1))

# %% [markdown]
# Jagged groups come with offsets: the LKr clusters of every event, as an awkward array.

# %%
lkr = tracks["hits/lkr"]
clusters = ak.unflatten(lkr["energy"], np.diff(lkr.offsets))
print("clusters per event:", ak.mean(ak.num(clusters)), "mean largest energy [MeV]:", ak.mean(ak.max(clusters, axis=1)))

# %% [markdown]
# The missing mass squared of events with one track, as a histogram.

# %%
found = tracks["reco/events"]
one = (found["n_tracks"] == 1) & (found["n_gtk"] > 0)
m2 = hist.Hist(hist.axis.Regular(30, 0.010, 0.026, name="m2", label="m2_miss [GeV^2]"))
m2.fill(found["m2_miss"][one] * 1e-6)
print(m2.sum(), "events in the window")

# %% [markdown]
# A fit of a peak over a flat background, with the shape of another sample as its template.

# %%
other = na.reconstruct(na.simulate("k2pi", events=20_000, detector="run1-2018-s2", seed=2))["reco/events"]
keep = (other["n_tracks"] == 1) & (other["n_gtk"] > 0)
template = np.histogram(other["m2_miss"][keep] * 1e-6, m2.axes[0].edges)[0].astype(float) + 1e-3
model = pyhf.simplemodels.uncorrelated_background(
    signal=template.tolist(), bkg=np.full(30, 5.0).tolist(), bkg_uncertainty=np.full(30, 2.0).tolist()
)
data = [*m2.values().tolist(), *model.config.auxdata]
mu = pyhf.infer.mle.fit(data, model)[model.config.poi_index]
print(f"signal strength {mu:.3f}: 1 is expected, both samples have the same number of events")
