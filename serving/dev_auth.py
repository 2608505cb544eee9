"""Tokens for the demonstration: signed by a key that lives as long as the process, for loopback callers only."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from serving.auth import ALGORITHM

ISSUER: Final = "signpost-dev-auth"
KID: Final = "dev"
HOURS: Final = 12


class DevKeys:
    """A key of our own: signs the demonstration's tokens, and is the only key that verifies them."""

    def __init__(self) -> None:
        self._private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        document = jwt.algorithms.RSAAlgorithm.to_jwk(self._private.public_key(), as_dict=True)
        self._public = jwt.PyJWK({**document, "kid": KID, "use": "sig"}, ALGORITHM)

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The one key there is."""
        return self._public if kid == KID else None

    def token(self, *, user_name: str, authorities: Sequence[str]) -> str:
        """A token of this process for a user, good for twelve hours."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "iat": now,
            "nbf": now,
            "exp": now + HOURS * 3600,
            "user_name": user_name,
            "client_id": "signpost-demo",
            "auth_source": "dev",
            "authorities": list(authorities),
        }
        return jwt.encode(claims, self._private, algorithm=ALGORITHM, headers={"kid": KID})
