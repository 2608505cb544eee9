"""What is the same for every chunk of people? Settings, catalogue, interventions, provision, seed and days."""

from __future__ import annotations

from dataclasses import dataclass

from catalogue import Catalogue
from worlds.interventions import Arms
from worlds.provision import Provision
from worlds.settings import WorldSettings


@dataclass(frozen=True, slots=True)
class WorldInputs:
    """What a world is made with. Days are day numbers."""

    world: WorldSettings
    catalogue: Catalogue
    arms: Arms
    provision: Provision
    seed: int
    start: int
    end: int
