# %% [markdown]
# # A model of your own in the beam dump
# A vector that is made by bremsstrahlung and decays to e+e− and, above threshold, as often to μ+μ−.

# %%
import na62sim as na
from na62sim.generators.sources.bremsstrahlung import Bremsstrahlung


def electrons(mass):
    """Branching ratio to e+e−; mass in MeV."""
    return 1.0 if mass < 211.4 else 0.5


def ctau(mass, coupling):
    """c τ in mm, mass in MeV: ħc over the width, which is α ε² m / 3 to e+e− far above threshold."""
    return 8.1e-8 * electrons(mass) / mass / coupling**2


model = na.DumpModel(
    "my-vector",
    "V",
    productions={"brems": Bremsstrahlung(form_factor=True)},
    branching_ratios={"ee": electrons, "mumu": lambda mass: 1.0 - electrons(mass)},
    ctau=ctau,
)

# %% [markdown]
# The couplings that 1.4·10¹⁷ protons exclude at 90 % CL. `geometric=True` takes the acceptance of the geometry alone, which
# is quick; without it the full chain is simulated.

# %%
print(na.exclusion(model, masses=[100, 300], events=4000, geometric=True))
