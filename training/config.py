"""What can be chosen about a training run, each choice explained where it is declared.

`TrainingConfig.load(path)` reads YAML. A key that is not declared here, or a value of the wrong kind, is a
`UsageError` that names the key. `example()` is a file with all of them, which `signpost train --show-config` prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalogue.documents import Section, read_model, read_yaml


class _Options(Section):
    model_config = ConfigDict(validate_default=True)


class Blocks(_Options):
    """How the usable past is divided, oldest first: fit, calibrate, test."""

    calibration_share: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.15,
        description="Share of a head's rows, the later ones, that its probabilities are calibrated on.",
    )
    test_share: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        default=0.15, description="Share of a head's rows, the latest ones, that only judge it."
    )
    label_gap_days: Annotated[int, Field(ge=0)] = Field(
        default=183,
        description="Days between the end of a label's window and its use, for records to arrive.",
    )


class Scorecards(_Options):
    """How large a glass box may grow."""

    max_pairs: Annotated[int, Field(ge=0, le=60)] = Field(
        default=4, description="Most pairs of features that one scorecard may hold; each is shown as a pair."
    )
    people_per_pair: Annotated[int, Field(ge=1)] = Field(
        default=10_000,
        description="People that commence and complete must learn from for each pair; with fewer, pairs found are mostly chance.",
    )
    never_in_pairs: tuple[str, ...] = Field(
        default=("travel_minutes",),
        description="Features that stand for a place or a group and may not be paired.",
    )
    max_leaves: Annotated[int, Field(ge=2, le=8)] = Field(
        default=2,
        description="Most leaves of a tree of one factor; a pair's trees have at least three. Fewer leaves learn more slowly and smoothly.",
    )
    min_leaf_rows: Annotated[int, Field(ge=1)] = Field(
        default=100,
        description="Fewest rows of a leaf of commence and complete; a tenth of all rows where that is less.",
    )
    ridge_rows: Annotated[float, Field(ge=0)] = Field(
        default=100.0,
        description="Pull of a leaf's value towards zero in commence and complete, as strong as this many average rows.",
    )
    bags: Annotated[int, Field(ge=2, le=20)] = Field(
        default=8, description="Folds that each stop and judge a fit of the others; the fits are averaged."
    )
    learning_rate: Annotated[float, Field(gt=0, le=0.5)] = Field(
        default=0.15, description="How much of each tree is added to a scorecard."
    )
    max_bins: Annotated[int, Field(ge=8, le=250)] = Field(
        default=64, description="Most cells of a feature in a scorecard's tables."
    )
    patience: Annotated[int, Field(ge=5)] = Field(
        default=30, description="Trees without a held-out gain after which a fit stops."
    )
    max_rows: Annotated[int, Field(ge=1_000)] = Field(
        default=100_000,
        description="Most rows that one head is fitted on; beyond it, rows are drawn by hash of an id.",
    )

    def for_people(self, count: int) -> Scorecards:
        """The same, with no more pairs than this many people can teach."""
        return self.model_copy(update={"max_pairs": min(self.max_pairs, count // self.people_per_pair)})


class Outcomes(_Options):
    """Within what time is an outcome read?"""

    commence_days: Annotated[int, Field(ge=28)] = Field(
        default=183, description="A referral counts as started if it commenced within this many days."
    )
    complete_days: Annotated[int, Field(ge=56)] = Field(
        default=365,
        description="A started referral is read if it ended within this many days of the referral; otherwise it is censored.",
    )


class InFlight(_Options):
    """The landmark model of open referrals."""

    interval_weeks: Annotated[int, Field(ge=1, le=12)] = Field(
        default=4, description="Length of one interval ahead; horizons are products over intervals."
    )
    horizons_weeks: tuple[int, ...] = Field(
        default=(4, 8, 12), description="Horizons that are served, in weeks."
    )
    landmark_every_weeks: Annotated[int, Field(ge=1, le=12)] = Field(
        default=4,
        description="One weekly landmark in this many, by hash of the referral, is used to fit; all weeks are served.",
    )
    max_landmarks: Annotated[int, Field(ge=500)] = Field(
        default=24_000,
        description="Most landmarks to fit on; beyond it, referrals are drawn by hash of their id.",
    )
    min_leaf_rows: Annotated[int, Field(ge=1)] = Field(
        default=20, description="Fewest rows of a leaf in flight: of landmarks and intervals, not of people."
    )
    ridge_rows: Annotated[float, Field(ge=0)] = Field(
        default=25.0,
        description="Pull of a leaf's value towards zero in flight, as strong as this many rows.",
    )

    @model_validator(mode="after")
    def _horizons_are_intervals(self) -> InFlight:
        if not self.horizons_weeks or any(h <= 0 or h % self.interval_weeks for h in self.horizons_weeks):
            raise ValueError("lists horizons_weeks that are no multiples of interval_weeks; correct them.")
        if list(self.horizons_weeks) != sorted(set(self.horizons_weeks)):
            raise ValueError("lists horizons_weeks that do not rise; sort them.")
        return self


class Flags(_Options):
    """When an open referral is flagged."""

    per_practitioner_week: Annotated[float, Field(gt=0)] = Field(
        default=0.1,
        description="Alert budget: new flags that one practitioner should see in a week, on average.",
    )
    horizon_weeks: Annotated[int, Field(gt=0)] = Field(
        default=8, description="The horizon whose probability is held against the threshold."
    )
    clear_ratio: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.8, description="A flag clears when the probability falls below this share of the threshold."
    )


class Benefit(_Options):
    """The effects of interventions."""

    min_support: Annotated[int, Field(ge=10)] = Field(
        default=30,
        description="Similar past people from which an effect counts as supported; from a third of it as thin, below that as none.",
    )


class Backtest(_Options):
    """The walk forward."""

    dates: Annotated[int, Field(ge=2, le=24)] = Field(
        default=4, description="How many training dates the backtest walks through."
    )
    step_days: Annotated[int, Field(ge=28)] = Field(
        default=183, description="Days between two training dates."
    )
    max_rows: Annotated[int, Field(ge=1_000)] = Field(
        default=60_000, description="Most rows that each model of the backtest is fitted on."
    )
    max_landmarks: Annotated[int, Field(ge=1_000)] = Field(
        default=120_000,
        description="Most weekly landmarks that the in-flight head is walked over; beyond it, referrals are drawn by hash of their id.",
    )


class Tracking(_Options):
    """Where runs are logged and models registered."""

    tracking_uri: str | None = Field(
        default=None,
        description="MLflow store; without it MLFLOW_TRACKING_URI, or sqlite:///mlflow.db in this folder.",
    )
    experiment: str = Field(default="signpost", description="MLflow experiment that runs are logged under.")
    model: str = Field(
        default="signpost", description="Name of the registered model whose versions are release bundles."
    )
    enabled: bool = Field(
        default=True, description="False trains and seals a bundle without logging or registering it."
    )


class TrainingConfig(_Options):
    """Every choice of a training run; the defaults are what `make demo` uses."""

    seed: Annotated[int, Field(ge=0)] = Field(default=7, description="Seed of everything that is drawn.")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="Threads used in fitting, in up to two lanes; results do not depend on it."
    )
    blocks: Blocks = Blocks()
    scorecards: Scorecards = Scorecards()
    outcomes: Outcomes = Outcomes()
    inflight: InFlight = InFlight()
    flags: Flags = Flags()
    benefit: Benefit = Benefit()
    backtest: Backtest = Backtest()
    tracking: Tracking = Tracking()

    @model_validator(mode="after")
    def _flag_horizon_is_served(self) -> TrainingConfig:
        if self.flags.horizon_weeks not in self.inflight.horizons_weeks:
            raise ValueError(
                "flags a horizon_weeks that is not among inflight's horizons_weeks; correct one of them."
            )
        return self

    @classmethod
    def load(cls, path: str | Path | None) -> TrainingConfig:
        """Which choices does a file make? None gives the defaults. ``UsageError`` says what is wrong, and where."""
        if path is None:
            return cls()
        place = Path(path)
        return cls.from_dict(read_yaml(place, thing="The training configuration"), place=place.name)

    @classmethod
    def from_dict(cls, document: dict[str, Any], *, place: str = "given") -> TrainingConfig:
        """Which choices does a document make? ``UsageError`` names the first wrong key."""
        return read_model(cls, document, place=f"The training configuration {place}")

    @property
    def inflight_scorecards(self) -> Scorecards:
        """How large the glass boxes of the in-flight head may grow."""
        own = {"min_leaf_rows": self.inflight.min_leaf_rows, "ridge_rows": self.inflight.ridge_rows}
        return self.scorecards.model_copy(update=own)

    @property
    def lanes(self) -> int:
        """How many heads are fitted at once."""
        return min(2, self.threads)

    def for_lane(self) -> TrainingConfig:
        """The same choices with the threads that one lane has."""
        return self.model_copy(update={"threads": max(1, self.threads // self.lanes)})

    def document(self) -> dict[str, Any]:
        """The configuration as plain values, for logs and cards."""
        return self.model_dump(mode="json")

    def flat(self) -> dict[str, Any]:
        """Every option by its dotted name, for MLflow's parameters."""
        return dict(_flatten(self.document(), ""))

    def flat_for_cards(self) -> dict[str, Any]:
        """Every option that shaped the models, by its dotted name: not where the run was logged."""
        return {name: value for name, value in self.flat().items() if not name.startswith("tracking.")}


def _flatten(document: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def example() -> str:
    """A configuration file that says what the defaults say, with every option explained above it."""
    lines = [
        "# Every option of `signpost train --config` and `signpost backtest --config`, at its default.",
        "# Leave out what you do not change; a key that is not here is an error.",
        *_commented(TrainingConfig(), ""),
    ]
    return "\n".join(lines) + "\n"


def _commented(section: BaseModel, indent: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            told = " ".join((type(value).__doc__ or "").split())
            yield ""
            yield f"{indent}# {told}"
            yield f"{indent}{name}:"
            yield from _commented(value, indent + "  ")
        else:
            shown = list(value) if isinstance(value, tuple) else value
            yield f"{indent}# {field.description}"
            yield f"{indent}{name}: {yaml.safe_dump(shown, default_flow_style=True).splitlines()[0]}"
