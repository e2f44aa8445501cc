"""The columns of the fitted tracks."""

from __future__ import annotations

from na62sim.core.columns import index_of

COLUMNS = (
    "x",  # mm, at STRAW 1
    "y",
    "u",  # direction cosines there
    "v",
    "k",  # 0.2998 q / p, 1 / (T mm)
    "u_after",  # direction cosines behind STRAW 4
    "v_after",
    "x_after",  # mm, at STRAW 4
    "y_after",
    "chi2",  # 3 degrees of freedom
    "variance_u",
    "variance_v",
    "variance_k",
    "time",  # ns
    "variance_x",
    "covariance_xu",
    "covariance_xk",
    "covariance_uk",
    "variance_y",
    "covariance_yv",
)
WITHOUT_ERRORS = COLUMNS[:10]
T = index_of(COLUMNS)
