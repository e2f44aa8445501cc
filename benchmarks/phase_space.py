"""Flat three- and five-body phase space side by side with other libraries, each on one core, in one run.

    python benchmarks/phase_space.py [--python PATH ...] [--seconds S] [--repeat R] [--json FILE]

K+ -> pi+ nu nubar and K+ -> pi+ e+ e- e+ e-: four-momenta in double precision, in the laboratory, of one kaon of
75 GeV/c. The others make weighted events (Raubold and Lynch), this package unweighted ones. A weighted event is worth
less: "effective" counts (sum w)^2 / sum w^2, "unweighted" what hit or miss keeps, the mean weight in units of the
library's own bound. A line of its own: this package with the kaons of its beam and their decay positions.

- phasespace (TensorFlow): ``pip install phasespace tensorflow-cpu vector``
- phasespace-jax 2: ``pip install phasespace-jax vector``, Python 3.12 or newer. Its module is called phasespace, too:
  the two need environments of their own.
- TGenPhaseSpace in C++: ``pip install --pre root``, or any ROOT that ``import ROOT`` finds

Every library runs in a process of its own, with one of the interpreters given (the present one is always tried); one
that is in none of them is left out with a line. A worker is bound to one core, compiles, and finds its best number of
events at a time; then the workers take turns, and the best repetition of each in CPU time counts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DECAYS = {
    "three bodies": ("K+ -> pi+ nu nubar", [139.57039, 0.0, 0.0]),
    "five bodies": ("K+ -> pi+ e+ e- e+ e-", [139.57039] + 4 * [0.51099895]),
}
KAON, MOMENTUM = 493.677, 75_000.0  # MeV
ENERGY = (KAON**2 + MOMENTUM**2) ** 0.5
BATCHES = (1_000, 10_000, 100_000, 1_000_000)
Batch = Callable[[], Any]
Library = Callable[[str, int], Batch]


def na62sim(decay: str, n: int) -> Batch:
    """Unweighted events of one kaon."""
    import numpy as np
    from fixed_mother import FixedMother

    mother = FixedMother(DECAYS[decay][0], (0.0, 0.0, MOMENTUM, ENERGY), n)

    def batch() -> Any:
        mother.generate(1, 0)
        return np.ones(n)

    return batch


def na62sim_beam(decay: str, n: int) -> Batch:
    """Unweighted events of the kaons of the beam, with their decay position, in chunks of the pipeline's size."""
    import numpy as np

    import na62sim as na
    from na62sim.generators.chain.process import Process
    from na62sim.generators.generate import Generator
    from na62sim.simulation.chunks import CHUNK

    process = Process(DECAYS[decay][0])
    generator = Generator(process, na.load_detector("run1-2018-s2"), (105e3, 170e3))  # mm

    def batch() -> Any:
        for first in range(0, n, CHUNK):
            generator.generate(1, first, min(CHUNK, n - first))
        return np.ones(n)

    return batch


def phasespace_tensorflow(decay: str, n: int) -> Batch:
    """phasespace up to 1: TensorFlow."""
    wanted("phasespace")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import tensorflow as tf

    if not tf.config.threading.get_intra_op_parallelism_threads():
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    import phasespace

    generator = phasespace.nbody_decay(KAON, DECAYS[decay][1])
    boost = tf.constant([[0.0, 0.0, MOMENTUM, ENERGY]], dtype=tf.float64)
    return lambda: generator.generate(n, boost_to=boost)[0].numpy()


def phasespace_jax(decay: str, n: int) -> Batch:
    """phasespace-jax 2."""
    wanted("phasespace-jax")
    import jax
    import numpy as np
    import phasespace

    generator = phasespace.nbody_decay(KAON, DECAYS[decay][1])
    boost = np.array([[0.0, 0.0, MOMENTUM, ENERGY]])
    state = {"key": 0}

    def batch() -> Any:
        state["key"] += 1
        weight, _parts = jax.block_until_ready(generator.generate(n, boost_to=boost, key=state["key"]))
        return np.asarray(weight)

    return batch


def tgenphasespace(decay: str, n: int) -> Batch:
    """TGenPhaseSpace of ROOT, a loop in C++ that keeps the four-momenta."""
    import numpy as np
    import ROOT

    if not hasattr(ROOT, "na62sim_generate"):
        ROOT.gInterpreter.Declare("""
#include "TGenPhaseSpace.h"
#include "TLorentzVector.h"
#include <vector>
std::vector<double> na62sim_generate(int n, int bodies, double p, double e, std::vector<double> masses) {
  TLorentzVector mother(0., 0., p, e);
  TGenPhaseSpace decay;
  decay.SetDecay(mother, bodies, masses.data());
  static std::vector<double> kept;
  kept.resize(size_t(n) * bodies * 4);
  std::vector<double> weights(n);
  for (int i = 0; i < n; ++i) {
    weights[i] = decay.Generate();
    for (int k = 0; k < bodies; ++k) decay.GetDecay(k)->GetXYZT(&kept[(size_t(i) * bodies + k) * 4]);
  }
  return weights;
}""")
    masses = ROOT.std.vector("double")(DECAYS[decay][1])
    return lambda: np.asarray(ROOT.na62sim_generate(n, len(masses), MOMENTUM, ENERGY, masses))


LIBRARIES: dict[str, Library] = {
    "na62sim": na62sim,
    "na62sim, with its beam": na62sim_beam,
    "phasespace (TensorFlow)": phasespace_tensorflow,
    "phasespace-jax": phasespace_jax,
    "TGenPhaseSpace": tgenphasespace,
}


def wanted(distribution: str) -> str:
    """The version of an installed distribution.

    Raises
    ------
    ImportError : it is not installed
    """
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        raise ImportError(distribution) from None


def version(name: str) -> str:
    """The version of a library of this interpreter, as text."""
    if name == "TGenPhaseSpace":
        import ROOT

        return str(ROOT.gROOT.GetVersion())
    return wanted({"phasespace (TensorFlow)": "phasespace"}.get(name, name.partition(",")[0]))


def effective(weights: Any) -> float:
    """Unweighted events with the same statistical error, for each weighted one: (sum w)^2 / (n sum w^2)."""
    return float(weights.mean() ** 2 / (weights**2).mean())


def rate(batch: Batch, n: int, seconds: float) -> float:
    """Events per second of CPU time."""
    done, start = 0, time.process_time()
    while True:
        batch()
        done += n
        used = time.process_time() - start
        if used >= seconds:
            return done / used


def work(name: str, core: int, seconds: float) -> None:
    """A worker: prepare, then answer each line of input with the rates of one repetition."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})  # before the libraries look at how many cores there are
    ready = sys.stdout
    sys.stdout = sys.stderr
    best: dict[str, tuple[Batch, int]] = {}
    about: dict[str, Any] = {}
    try:
        for decay in DECAYS:
            tried = {}
            for n in BATCHES:
                batch = LIBRARIES[name](decay, n)
                weights = batch()
                tried[n] = (rate(batch, n, 0.2 * seconds), batch)
            n = max(tried, key=lambda n: tried[n][0])
            best[decay] = tried[n][1], n
            about[decay] = {"batch": n, "mean_weight": float(weights.mean()), "effective": effective(weights)}
        about["version"] = version(name)
    except ImportError as error:
        about = {"missing": str(error)}
    print(json.dumps(about), file=ready, flush=True)
    for _ in sys.stdin:
        print(json.dumps({d: rate(batch, n, seconds) for d, (batch, n) in best.items()}), file=ready, flush=True)


class Worker:
    """A library in a process of its own."""

    def __init__(self, name: str, pythons: list[str], seconds: float) -> None:
        self.name = name
        core = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        for python in pythons:
            command = [python, __file__, "--worker", name, "--core", str(core), "--seconds", str(seconds)]
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            self.about = self.answer()
            if "missing" not in self.about:
                return
            self.close()

    def answer(self) -> dict[str, Any]:
        """The next line that the worker prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"missing": "it ended without a word"}

    def measure(self) -> dict[str, float]:
        """One repetition."""
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """End the worker."""
        self.process.communicate()


def compare(pythons: list[str], seconds: float, repeat: int) -> dict[str, Any]:
    """Rates of all libraries that are installed, and the ratios of this package's to them."""
    workers = [Worker(name, pythons, seconds) for name in LIBRARIES]
    missing = [worker.name for worker in workers if "missing" in worker.about]
    workers = [worker for worker in workers if worker.name not in missing]
    found: dict[str, dict[str, list[float]]] = {w.name: {decay: [] for decay in DECAYS} for w in workers}
    for _ in range(repeat):
        for worker in workers:
            for decay, value in worker.measure().items():
                found[worker.name][decay].append(value)
    result: dict[str, Any] = {"missing": missing, "libraries": {}}
    for worker in workers:
        worker.close()
        rows = {}
        for decay, rates in found[worker.name].items():
            about = worker.about[decay]
            mine = max(found["na62sim"][decay])
            kept, worth = about["mean_weight"], about["effective"]
            rows[decay] = {
                "events_per_second": max(rates),
                "events_at_a_time": about["batch"],
                "effective_per_second": max(rates) * worth,
                "unweighted_per_second": max(rates) * kept,
                "ratio": mine / max(rates),
                "ratio_effective": mine / (max(rates) * worth),
                "ratio_unweighted": mine / (max(rates) * kept),
            }
        result["libraries"][worker.name] = {"version": worker.about["version"], **rows}
    return result


def main() -> None:
    """Read the command line, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], metavar="PATH", help="another interpreter to try")
    parser.add_argument("--seconds", type=float, default=1.0, help="of a repetition")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", choices=list(LIBRARIES), help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker, options.core, options.seconds)
        return
    result = compare([sys.executable, *options.python], options.seconds, options.repeat)
    print("million events/s of one core as they come, effective, unweighted; how many times as many na62sim makes")
    for name, library in result["libraries"].items():
        print(f"{name} {library['version']}")
        for decay in DECAYS:
            row = library[decay]
            rates = [row[f"{kind}_per_second"] / 1e6 for kind in ("events", "effective", "unweighted")]
            ratios = [row[key] for key in ("ratio", "ratio_effective", "ratio_unweighted")]
            print(
                f"  {decay:<13}"
                + "".join(f"{value:9.4f}" for value in rates)
                + "   ratio"
                + "".join(f"{value:9.2f}" for value in ratios)
                + f"   ({row['events_at_a_time']} at a time)"
            )
    for name in result["missing"]:
        print(f"{name}: not installed here, left out")
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
