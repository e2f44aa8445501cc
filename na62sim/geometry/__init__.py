"""The detector as data: geometry/*.toml, checked, with a tag and a source for every number."""

from na62sim.geometry.detector import Detector, load_detector
from na62sim.geometry.files import available_detectors
from na62sim.geometry.quantity import TAGS, GeometryError, Quantity

__all__ = ["TAGS", "Detector", "GeometryError", "Quantity", "available_detectors", "load_detector"]
