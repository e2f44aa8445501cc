# %% [markdown]
# # First acceptance
# What share of the decays K+ → π+νν̄ in the fiducial volume does NA62 keep, and how many is that in 2018?

# %%
import na62sim as na

flow = na.acceptance("kpinunu", "pinunu", events=50_000, detector="run1-2018-s2", seed=1)
print(flow)

# %% [markdown]
# An acceptance contains neither trigger nor random veto: they enter the single event sensitivity, with the number of kaon
# decays of the data set.

# %%
reach = na.sensitivity(flow, branching_ratio=8.4e-11, observed=0)
print(reach)

# %% [markdown]
# The acceptance in the two regions of the missing mass, each with its statistical 68 % interval:

# %%
for region, interval in flow.regions.items():
    print(region, interval)
