"""Which parts of a training run are served, kept and shown? The bundle, its registration, its cards and pages.

The run itself is `training.release.pipeline.train`; it is not imported here, because it imports every model.
"""

from training.release.bundle import REPORT_FOLDER, seal
from training.release.registry import register

__all__ = ["REPORT_FOLDER", "register", "seal"]
