"""What a world is made with: the same for every chunk of its people."""

from __future__ import annotations

from dataclasses import dataclass

from catalogue import Catalogue
from worlds.interventions import Arms
from worlds.provision import Provision
from worlds.settings import WorldSettings


@dataclass(frozen=True, slots=True)
class WorldInputs:
    """What does not change from chunk to chunk."""

    world: WorldSettings
    catalogue: Catalogue
    arms: Arms
    provision: Provision
    seed: int
    start: int
    end: int
