"""From histories to a release: train, audit, seal, register.

Training does not know who audits. The caller hands the audit in, and its verdict is sealed into the bundle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from features.histories import Histories
from scoring.bundle import Bundle
from training.config import TrainingConfig
from training.release.bundle import REPORT_FOLDER, seal
from training.release.pipeline import Progress, train
from training.release.registry import register


class GateResult(Protocol):
    """The verdict of an audit, as a release reads it."""

    @property
    def state(self) -> str:
        """`PASS` where the bundle may score."""

    def as_dict(self) -> dict[str, object]:
        """For JSON."""


class Audited(Protocol):
    """What a release reads of an audit."""

    @property
    def gate(self) -> GateResult:
        """The verdict."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """The figures that go into the bundle."""

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""


class ReleaseAudit(Protocol):
    """Audits a bundle on the histories and writes its report into `out`."""

    def __call__(self, histories: Histories, bundle: Bundle, *, out: Path, progress: Progress) -> Audited:
        """Return what was found."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """The result of a training run: the bundle, the gate's verdict, and the aliases it was given."""

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
    *, histories: Path, out: Path, config: Path | None, audit: ReleaseAudit, progress: Progress
) -> Release:
    """Train all models on histories, audit them, pass the gate and register the bundle.

    Args:
        histories: folder of case histories.
        out: folder that the release bundle is written into.
        config: training configuration (YAML), or None for the defaults.
        audit: judges the bundle.
        progress: called with (done, total).

    Raises:
        UsageError: the histories, the configuration or the audit's register cannot be used.
    """
    opened = Histories.open(histories)
    settings = TrainingConfig.load(config)

    def in_part(first: int, last: int) -> Progress:
        """Show a step's own progress as its share of the whole."""

        def report(done: int, total: int) -> None:
            progress(first + (last - first) * done // max(total, 1), 100)

        return report

    trained = train(opened, out=out, config=settings, progress=in_part(0, 75))
    audited = audit(opened, Bundle.open(out), out=out / REPORT_FOLDER, progress=in_part(75, 95))
    seal(out, fairness=audited.summary, gate=audited.gate.as_dict())
    registered = register(out, config=settings, metrics=trained.metrics)
    progress(100, 100)
    aliases = " and ".join(registered.aliases)
    return Release(
        folder=out,
        version=registered.bundle_version,
        gate=audited.gate.state,
        aliases=registered.aliases,
        sentence=f"bundle {registered.bundle_version} is in {out}, registered as {aliases}; {audited.sentence}",
    )
