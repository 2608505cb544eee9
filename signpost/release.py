"""From histories to a release: train, judge, seal, register.

The steps meet here because the rooms below do not know each other: training writes the models,
fairness judges them, training seals the verdict into the bundle and registers it.
"""

from dataclasses import dataclass
from pathlib import Path

from fairness.release import audit_release
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.progress import Report
from training.config import TrainingConfig
from training.release import REPORT_FOLDER, seal
from training.release import register as register_release
from training.release.pipeline import train


@dataclass(frozen=True, kw_only=True)
class Release:
    """What came of a training run: the bundle, the gate's verdict, and the aliases it was given."""

    folder: Path
    version: str
    gate: str
    aliases: tuple[str, ...]
    sentence: str

    @property
    def passed(self) -> bool:
        """Whether the gate let the bundle through."""
        return self.gate == "PASS"


def release(
    *, histories: Path, out: Path, config: Path | None, register: Path | None, progress: Report
) -> Release:
    """Train all models on histories, audit them, pass the gate and register the bundle.

    Args:
        histories: folder of case histories.
        out: folder that the release bundle is written into.
        config: training configuration (YAML), or None for the defaults.
        register: register of disparities, or None for the project's own.
        progress: called with (done, total).

    Raises:
        UsageError: the histories, the configuration or the register cannot be used.
    """
    opened = Histories.open(histories)
    settings = TrainingConfig.load(config)

    def in_part(first: int, last: int) -> Report:
        """Show a step's own progress as its share of the whole."""

        def report(done: int, total: int) -> None:
            progress(first + (last - first) * done // max(total, 1), 100)

        return report

    trained = train(opened, out=out, config=settings, progress=in_part(0, 75))
    audit = audit_release(
        opened,
        Bundle.open(out),
        out=out / REPORT_FOLDER,
        register=register,
        progress=in_part(75, 95),
    )
    seal(out, fairness=audit.summary, gate=audit.gate.as_dict())
    registered = register_release(out, config=settings, metrics=trained.metrics)
    progress(100, 100)
    aliases = " and ".join(registered.aliases)
    return Release(
        folder=out,
        version=registered.bundle_version,
        gate=audit.gate.state,
        aliases=registered.aliases,
        sentence=f"bundle {registered.bundle_version} is in {out}, registered as {aliases}; {audit.sentence}",
    )
