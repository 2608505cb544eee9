"""What was run, which release is challenger, and which is champion? MLflow keeps that; plain files serve.

A release bundle is logged as artifacts of a run (text, no pickle) and registered as a model version. Every
registered version becomes `challenger`; it becomes `champion` when the gate passed and it is not worse than
the present champion on the same later block, or there is no champion. One that cannot be scored on that block
is replaced by hand only. MLflow sends no telemetry and prints nothing.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from catalogue.errors import UsageError
from scoring.bundle import Bundle
from training.config import TrainingConfig

CHALLENGER, CHAMPION = "challenger", "champion"
DEFAULT_STORE = "sqlite:///mlflow.db"
#: A head counts as not worse if its log loss exceeds the champion's on the same block by at most this.
NOT_WORSE = 0.002
CHAMPION_PREFIX = "champion_"
NOT_SCORED = "the present champion cannot be scored on the same block; promote by hand"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """What registration did: the bundle's version, MLflow's model version, and the aliases it now has."""

    bundle_version: str
    model_version: str
    run_id: str
    aliases: tuple[str, ...]
    reason: str


def tracking_uri(config: TrainingConfig) -> str:
    """Where runs are logged: the configuration, else MLFLOW_TRACKING_URI, else a file in this folder."""
    return config.tracking.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or DEFAULT_STORE


def register(folder: Path, *, config: TrainingConfig, metrics: Mapping[str, float]) -> Registered:
    """Log a sealed bundle, register it as challenger, and as champion if it earned that.

    `metrics` are the figures of training; `champion_…` among them are the present champion's on the same block.
    Raises UsageError when the bundle is not whole or the store cannot be used.
    """
    bundle = Bundle.open(folder)
    if not config.tracking.enabled:
        return Registered(
            bundle_version=bundle.version,
            model_version="",
            run_id="",
            aliases=(),
            reason="registration is off",
        )
    finite = {name: float(value) for name, value in metrics.items() if math.isfinite(value)}
    with _client(config) as client:
        run_id = _log(client, bundle, config, finite)
        model = config.tracking.model
        if not client.search_registered_models(filter_string=f"name='{model}'"):
            client.create_registered_model(model, description="Signpost release bundles")
        source = client.get_run(run_id).info.artifact_uri + "/bundle"
        made = client.create_model_version(
            model,
            source=source,
            run_id=run_id,
            tags={"bundle_version": bundle.version, "gate": str(bundle.gate.get("state"))},
        )
        client.set_registered_model_alias(model, CHALLENGER, made.version)
        present = _champion_version(client, model)
        promoted, reason = promotion(
            gate=str(bundle.gate.get("state")), metrics=finite, champion=present is not None
        )
        if promoted:
            client.set_registered_model_alias(model, CHAMPION, made.version)
        client.set_model_version_tag(model, made.version, "promotion", reason)
    aliases = (CHALLENGER, CHAMPION) if promoted else (CHALLENGER,)
    return Registered(
        bundle_version=bundle.version,
        model_version=str(made.version),
        run_id=run_id,
        aliases=aliases,
        reason=reason,
    )


def promotion(*, gate: str, metrics: Mapping[str, float], champion: bool) -> tuple[bool, str]:
    """Should a new version become champion, and why? A pure rule of the gate and the figures.

    Each `champion_<name>_log_loss` is held against `<name>_log_loss` on the same rows. A champion without a
    figure to hold against each of the new version's is never replaced: nobody knows whether it is better.
    """
    if gate != "PASS":
        return False, f"the gate's state is {gate}"
    if not champion:
        return True, "the gate passed and there was no champion"
    losses = {name: value for name, value in metrics.items() if name.endswith("log_loss")}
    theirs = {
        name.removeprefix(CHAMPION_PREFIX): value
        for name, value in losses.items()
        if name.startswith(CHAMPION_PREFIX)
    }
    ours = {name: value for name, value in losses.items() if not name.startswith(CHAMPION_PREFIX)}
    if not theirs or not theirs.keys() >= ours.keys():
        return False, NOT_SCORED
    worse = sorted(name for name, value in theirs.items() if ours.get(name, math.inf) > value + NOT_WORSE)
    if worse:
        return False, f"worse than the champion on the same later block: {', '.join(worse)}"
    return True, "the gate passed and it is not worse than the champion on the same later block"


def champion(config: TrainingConfig) -> Bundle | None:
    """The present champion's bundle, or None where there is none or its files cannot be reached."""
    if not config.tracking.enabled or not _exists(tracking_uri(config)):
        return None
    with _client(config) as client:
        version = _champion_version(client, config.tracking.model)
        if version is None:
            return None
        place = Path(str(version.source).removeprefix("file://"))
        try:
            return Bundle.open(place)
        except UsageError:
            return None


def _exists(uri: str) -> bool:
    """Whether a local store has been made; a remote one is taken to be there."""
    prefix = "sqlite:///"
    return not uri.startswith(prefix) or Path(uri.removeprefix(prefix)).exists()


def _champion_version(client: Any, model: str) -> Any | None:
    if not client.search_registered_models(filter_string=f"name='{model}'"):
        return None
    if CHAMPION not in client.get_registered_model(model).aliases:
        return None
    return client.get_model_version_by_alias(model, CHAMPION)


def _log(client: Any, bundle: Bundle, config: TrainingConfig, metrics: Mapping[str, float]) -> str:
    run = client.create_run(
        _experiment(client, config),
        run_name=f"release-{bundle.version}",
        tags={
            "bundle_version": bundle.version,
            "spec_hash": bundle.spec_hash,
            "catalogue_hash": bundle.catalogue_hash,
            "training_date": bundle.training_date.isoformat(),
            "gate": str(bundle.gate.get("state")),
        },
    )
    run_id: str = run.info.run_id

    from mlflow.entities import Metric, Param

    from training.release import policy_page, scorecard_pages

    params = [Param(name, str(value)) for name, value in config.flat().items()]
    client.log_batch(run_id, params=params, metrics=[Metric(n, v, 0, 0) for n, v in sorted(metrics.items())])
    client.log_artifacts(run_id, str(bundle.folder), "bundle")
    with TemporaryDirectory() as place:
        scorecard_pages.write(bundle, Path(place))
        client.log_artifacts(run_id, place, "scorecards")
    with TemporaryDirectory() as place:
        policy_page.write(bundle.benefit, Path(place))
        client.log_artifacts(run_id, place, "policy")
    client.set_terminated(run_id)
    return run_id


def _experiment(client: Any, config: TrainingConfig) -> str:
    found = client.get_experiment_by_name(config.tracking.experiment)
    if found is not None:
        return str(found.experiment_id)
    return str(
        client.create_experiment(
            config.tracking.experiment, artifact_location=_artifacts(tracking_uri(config))
        )
    )


def _artifacts(uri: str) -> str | None:
    """Artifacts of a local store lie next to its database, not in the folder that the command ran in."""
    prefix = "sqlite:///"
    if not uri.startswith(prefix):
        return None
    return (Path(uri.removeprefix(prefix)).resolve().parent / "mlartifacts").as_uri()


@contextmanager
def _client(config: TrainingConfig) -> Iterator[Any]:
    """MLflow's client on the configured store, without its messages and warnings."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    uri = tracking_uri(config)
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    # MLflow uses what its own dependencies have deprecated; its warnings are not about this project.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            # MLflow configures its children's levels on first use; the parents' level holds for them.
            logging.getLogger("mlflow.store.db.utils").setLevel(logging.ERROR)
            yield MlflowClient(tracking_uri=uri, registry_uri=uri)
        except MlflowException as error:
            raise UsageError(
                f"The MLflow store {uri} cannot be used; check tracking.tracking_uri."
            ) from error
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
