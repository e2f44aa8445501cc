"""Matrix elements of one's own, against the package's shapes and against integrals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate

import na62sim as na
from na62sim.generators.chain.compile import compile_chain
from na62sim.generators.chain.matrix_element import MatrixElement, UserAmplitude, load_amplitude
from na62sim.generators.generate import Generator
from na62sim.generators.registry import amplitudes_of

M_K, M_PI = 493.677, 139.57039
DECAY = "K+ -> pi+ nu nubar"


def dot(a: Any, b: Any) -> Any:
    return a[3] * b[3] - a[0] * b[0] - a[1] * b[1] - a[2] * b[2]


def vector(pion: Any, nu: Any, nubar: Any) -> Any:
    """|M|^2 of K+ -> pi+ nu nubar: (p_K + p_pi) contracted with the tensor of massless neutrinos; f+ of K_e3."""
    total = pion.copy()
    total[3] += M_K
    q2 = dot(nu + nubar, nu + nubar)
    x = q2 / M_PI**2
    f = 1.0 + 0.02589 * x + 0.5 * 0.00186 * x * x
    return f**2 * np.maximum(2.0 * dot(total, nu) * dot(total, nubar) - dot(total, total) * dot(nu, nubar), 0.0)


def generated(process: na.Process, n: int, seed: int = 1) -> tuple[Any, Any]:
    truth = Generator(process, na.load_detector("run1-2018-s2"), (105e3, 170e3)).generate(seed, 0, n)
    plain = Generator(na.Process(DECAY), na.load_detector("run1-2018-s2"), (105e3, 170e3)).generate(seed, 0, n)
    return truth, truth.weight / plain.weight


def q2_of(truth: Any) -> Any:
    q = truth.p[2] + truth.p[3]
    return dot(q, q)


def moments() -> tuple[float, float]:
    """Mean and standard deviation of q^2 in the vector shape, by quadrature: lambda^(3/2) f+^2."""

    def density(q2: float) -> float:
        lam = (M_K**2 - M_PI**2 - q2) ** 2 - 4.0 * M_PI**2 * q2
        x = q2 / M_PI**2
        return max(lam, 0.0) ** 1.5 * (1.0 + 0.02589 * x + 0.00093 * x * x) ** 2

    sums = [integrate.quad(lambda s, k=k: s**k * density(s), 0.0, (M_K - M_PI) ** 2)[0] for k in range(3)]
    mean = sums[1] / sums[0]
    return mean, float(np.sqrt(sums[2] / sums[0] - mean**2))


@pytest.mark.parametrize("unweighted", [False, True])
def test_a_function_gives_the_spectrum_of_its_integral(unweighted: bool) -> None:
    n = 40_000
    truth, weight = generated(na.Process(DECAY, amplitude={"K+": vector}, unweighted=unweighted), n)
    mean, sigma = moments()
    q2 = q2_of(truth)
    got = np.average(q2, weights=weight)
    error = np.sqrt((weight**2 * (q2 - got) ** 2).sum()) / weight.sum()
    assert abs(got - mean) < 4.0 * error  # p = 6e-5
    assert np.sqrt(np.average((q2 - got) ** 2, weights=weight)) == pytest.approx(sigma, rel=0.02)
    assert weight.mean() == pytest.approx(1.0, abs=0.02)
    if unweighted:
        assert np.count_nonzero(np.abs(weight - 1.0) > 1e-12) < n / 1000
    else:
        assert weight.std() > 0.5


def test_momenta_are_those_of_the_decay_at_rest() -> None:
    seen: list[Any] = []

    def spy(*daughters: Any) -> Any:
        seen.append(daughters)
        return np.ones(daughters[0].shape[1])

    truth, weight = generated(na.Process(DECAY, amplitude={"K+": spy}), 1000)
    daughters = seen[0]
    assert len(daughters) == 3 and all(d.shape == (4, 1000) for d in daughters)
    total = sum(daughters)
    assert np.allclose(total, np.array([[0.0], [0.0], [0.0], [M_K]]), atol=1e-9)
    assert np.allclose(dot(daughters[0], daughters[0]), M_PI**2, rtol=1e-9)
    assert np.allclose(
        dot(daughters[1] + daughters[2], daughters[1] + daughters[2]), q2_of(truth), rtol=1e-6, atol=1e-2
    )
    assert weight == pytest.approx(1.0)
    with pytest.raises(ValueError, match="read-only"):
        daughters[0][0] = 0.0


@pytest.mark.parametrize("unweighted", [False, True])
def test_an_event_is_the_same_alone(unweighted: bool) -> None:
    process = na.Process("K+ -> mu+ nu mu+ mu-", amplitude={"K+": lambda m, *_: m[3] ** 4}, unweighted=unweighted)
    generator = Generator(process, na.load_detector("run1-2018-s2"), (105e3, 170e3))
    many = generator.generate(5, 0, 700)
    for first, n in ((0, 1), (511, 2), (699, 1), (300, 250)):
        few = generator.generate(5, first, n)
        assert np.array_equal(few.p[:5], many.p[:5, :, first : first + n])
        assert np.array_equal(few.weight, many.weight[first : first + n])


def test_two_functions_draw_on_their_own() -> None:
    descriptor = "K+ -> pi+ (X -> e+ e-) (X -> e+ e-)"
    ones = lambda *d: np.ones(d[0].shape[1])  # noqa: E731
    process = na.Process(descriptor, mass={"X": 100.0}, amplitude={"K+": ones, "X": ones})
    truth = Generator(process, na.load_detector("run1-2018-s2"), (105e3, 170e3)).generate(1, 0, 4000)
    chain = compile_chain(process.tree, process.species, process.amplitude)
    assert len([v for v in chain.samplers if isinstance(v.run, MatrixElement)]) == 3
    slots = [k for k, s in enumerate(truth.chain.particles) if s.name == "e+"]
    energies = truth.p[slots, 3] / (truth.p[slots, 3] + truth.p[[k + 1 for k in slots], 3])
    assert abs(np.corrcoef(energies)[0, 1]) < 4.0 / np.sqrt(4000)  # p = 6e-5


def test_the_efficiency_is_told() -> None:
    about = na.Process(DECAY, amplitude={"K+": vector}, unweighted=True).describe()
    assert about["amplitude"] == {"K+": f"{__name__}:vector"} and about["phase_space"] == []
    (text,) = about["matrix_elements"]
    assert text.startswith(f"{__name__}:vector, unweighted with an efficiency of 0.3")
    (text,) = na.Process(DECAY, amplitude={"K+": vector}).describe()["matrix_elements"]
    assert "as weights; effective share of the events 0.7" in text


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda *d: d[0], r"must return one number per event, shape \(100000,\), not \(4, 100000\)"),
        (lambda *d: -d[0][3], r"it returns -\d.*; \|M\|\^2 must be finite, 0 or more"),
        (lambda *d: np.full(d[0].shape[1], np.nan), r"it returns nan"),
        (lambda *d: np.zeros(d[0].shape[1]), "it is 0 in all of 100000 decays"),
        (lambda one: one[3], "TypeError: .* takes 1 positional argument but 3 were given"),
        (lambda *_: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_function_that_is_wrong(function: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        na.Process(DECAY, amplitude={"K+": function}).describe()


def test_what_is_no_function() -> None:
    with pytest.raises(TypeError, match=r"amplitude of 'K\+' = 3: it must be a name or a function of the momenta"):
        na.Process(DECAY, amplitude={"K+": 3})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"amplitude of 'pi0': the decay .* has no such particle"):
        na.Process(DECAY, amplitude={"pi0": vector})
    with pytest.raises(ValueError, match="unweighted: it is for amplitudes of your own; there is none"):
        na.Process(DECAY, unweighted=True)


def test_a_module_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("own_model.py").write_text("def m2(*p):\n    return p[0][3]\n")
    assert load_amplitude("own_model:m2").__name__ == "m2"
    found = amplitudes_of("K+ → pi+ X", ["own_model:m2", "X=quartic(kappa=1)"])
    assert str(UserAmplitude(found["K+"])) == "own_model:m2" and found["X"] == "quartic(kappa=1)"
    assert amplitudes_of(DECAY, ["quartic(kappa=1)"]) == {"K+": "quartic(kappa=1)"}
    for text, message in (("own_model:m3", "has no attribute 'm3'"), ("no_such:m2", "No module named 'no_such'")):
        with pytest.raises(ValueError, match=f"amplitude '{text}': .*{message}"):
            load_amplitude(text)
    with pytest.raises(ValueError, match=r"amplitude of 'K\+' is given twice"):
        amplitudes_of(DECAY, ["vector", "K+=scalar"])


def test_a_function_that_no_other_process_can_import() -> None:
    process = na.Process(DECAY, amplitude={"K+": lambda *p: p[0][3]})
    with pytest.raises(ValueError, match="other processes take only a function of a module; count in threads"):
        na.acceptance(process, "pinunu", 1000, workers=2)
