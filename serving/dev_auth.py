"""Tokens for the demonstration: signed by a key that lives as long as the process, for loopback callers only."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from serving.auth import ALGORITHM

if TYPE_CHECKING:
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER: Final = "signpost-dev-auth"
KID: Final = "dev"
HOURS: Final = 12


class DevKeys:
    """A key of our own, made when it is first wanted: signs the demonstration's tokens, and alone verifies them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[rsa.RSAPrivateKey, jwt.PyJWK] | None = None

    def _pair(self) -> tuple[rsa.RSAPrivateKey, jwt.PyJWK]:
        import jwt
        from cryptography.hazmat.primitives.asymmetric import rsa

        with self._lock:
            if self._made is None:
                private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
                document = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
                self._made = private, jwt.PyJWK({**document, "kid": KID, "use": "sig"}, ALGORITHM)
            return self._made

    def key(self, kid: str) -> jwt.PyJWK | None:
        """The one key there is."""
        return self._pair()[1] if kid == KID else None

    def token(self, *, user_name: str, authorities: Sequence[str]) -> str:
        """A token of this process for a user, good for twelve hours."""
        import jwt

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
        return jwt.encode(claims, self._pair()[0], algorithm=ALGORITHM, headers={"kid": KID})
