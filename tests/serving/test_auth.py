"""Every route, by every role, by every kind of token: only the right role with a good token comes in."""

import base64
import hmac
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from catalogue.errors import UsageError
from serving import auth
from serving.auth import (
    ACCOUNT,
    CASES,
    DECISIONS,
    EQUALITY,
    FLAGS,
    ROLES,
    SUBJECT_ACCESS,
    SUGGESTIONS,
    JwksKeys,
    Verifier,
)
from serving.settings import Settings
from tests.serving.conftest import ISSUER, KeyServer, but, running

SET = "/v1/suggestion-sets/5f7f1a37-9be0-5c3a-8d4c-5a1e7d9c2f10"
ANY = ""
ROUTES = [
    ("GET", "/v1/people/Q999999/suggestions", SUGGESTIONS),
    ("POST", "/v1/suggestions", SUGGESTIONS),
    ("GET", "/components/suggestions/Q999999", SUGGESTIONS),
    ("POST", f"{SET}/decision", DECISIONS),
    ("POST", f"{SET}/contest", DECISIONS),
    ("POST", f"{SET}/contest/5f7f1a37-9be0-5c3a-8d4c-5a1e7d9c2f10/outcome", DECISIONS),
    ("GET", "/v1/referrals/R1/completion-risk", FLAGS),
    ("GET", "/v1/flags", FLAGS),
    ("POST", "/v1/flags/5f7f1a37-9be0-5c3a-8d4c-5a1e7d9c2f10/response", DECISIONS),
    ("PUT", "/v1/cases/Q999999", CASES),
    ("POST", "/v1/events", CASES),
    ("DELETE", "/v1/cases/Q999999", CASES),
    ("GET", "/v1/catalogue", ANY),
    ("GET", "/v1/directory", ANY),
    ("GET", "/v1/people/Q999999/account", ACCOUNT),
    ("GET", "/subject-access-request", SUBJECT_ACCESS),
    ("GET", "/v1/models/current", EQUALITY),
    ("GET", "/v1/equality-report", EQUALITY),
]
OPEN = {"/health", "/health/ping", "/health/liveness", "/health/readiness", "/info", "/metrics"}
HOSTILE = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def served(filled: object, key_server: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("auth")
    settings = Settings(
        database_url=f"sqlite:///{folder / 'store.db'}",
        auth_jwks_url=key_server.url,
        auth_issuer=ISSUER,
        auth_audience="signpost",
        log_level="ERROR",
    )
    with running(settings) as address:
        yield address


def _unsigned(key_server: KeyServer) -> str:
    body = {
        "iss": ISSUER,
        "exp": int(time.time()) + 600,
        "user_name": "X",
        "authorities": list(ROLES),
        "aud": "signpost",
    }
    parts = [json.dumps({"alg": "none", "kid": key_server.current}), json.dumps(body)]
    return ".".join([*(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts), ""])


def _symmetric(key_server: KeyServer) -> str:
    """Signed with HS256 under the public key: the classic confusion of algorithms."""
    claims = {
        "iss": ISSUER,
        "exp": int(time.time()) + 600,
        "user_name": "X",
        "authorities": list(ROLES),
        "aud": "signpost",
    }
    parts = [json.dumps({"alg": "HS256", "kid": key_server.current}), json.dumps(claims)]
    signed = ".".join(_encoded(part.encode()) for part in parts)
    public = key_server.keys[key_server.current].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"{signed}.{_encoded(hmac.digest(pem, signed.encode(), 'sha256'))}"


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _bad_tokens(key_server: KeyServer) -> dict[str, str | None]:
    now = int(time.time())
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    every = {"aud": "signpost"}
    return {
        "none": None,
        "not a token": "abc.def.ghi",
        "expired": key_server.token(*ROLES, exp=now - 60, **every),
        "not yet": key_server.token(*ROLES, nbf=now + 120, **every),
        "forged": key_server.token(*ROLES, key=stranger, **every),
        "alg none": _unsigned(key_server),
        "alg HS256": _symmetric(key_server),
        "wrong issuer": key_server.token(*ROLES, iss="https://elsewhere.example", **every),
        "wrong audience": key_server.token(*ROLES, aud="another-service"),
        "no audience": key_server.token(*ROLES),
        "nobody": key_server.token(*ROLES, user="", client_id="", **every),
    }


def test_the_walk_knows_every_route(served: str) -> None:
    document = httpx.get(f"{served}/v3/api-docs", timeout=60).json()
    declared = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert len(declared) == len(ROUTES) + len(OPEN)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert ("security" in operation) == (path not in OPEN), path


def test_no_bad_token_comes_in_anywhere(served: str, key_server: KeyServer) -> None:
    tokens = _bad_tokens(key_server)
    with httpx.Client(base_url=served) as client:
        for method, path, _ in ROUTES:
            for kind, token in tokens.items():
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                body = (
                    {"content": b"{}", "headers": {**headers, **HOSTILE}}
                    if method in {"POST", "PUT"}
                    else {"headers": headers}
                )
                answer = client.request(method, path, **body)
                assert answer.status_code == 401, (kind, method, path, answer.status_code)
                assert answer.json()["errorCode"] == "UNAUTHORISED"
                assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_only_the_role_of_a_route_opens_it(served: str, key_server: KeyServer) -> None:
    with httpx.Client(base_url=served) as client:
        for role in ROLES:
            token = key_server.token(role, aud="signpost")
            headers = {"Authorization": f"Bearer {token}", **HOSTILE}
            for method, path, wanted in ROUTES:
                content = b"{}" if method in {"POST", "PUT"} else None
                answer = client.request(method, path, headers=headers, content=content)
                if wanted in {role, ANY}:
                    assert answer.status_code not in {401, 403, 500}, (role, method, path, answer.text)
                else:
                    assert answer.status_code == 403, (role, method, path, answer.status_code)
                    assert answer.json()["errorCode"] == "FORBIDDEN"


def test_keys_rotate_without_a_restart_and_a_flood_of_unknown_ids_is_not_passed_on() -> None:
    server = KeyServer()
    try:
        clock = [0.0]
        keys = auth.JwksKeys(server.url, seconds=600, clock=lambda: clock[0])
        assert keys.key("one") is not None
        assert server.reads == 1
        server.rotate("two")
        clock[0] += 11
        assert keys.key("two") is not None
        reads = server.reads
        for number in range(50):
            assert keys.key(f"forged-{number}") is None
        assert server.reads <= reads + 1
        clock[0] += 11
        assert keys.key("one") is None
    finally:
        server.close()


def test_when_keys_cannot_be_read_the_last_ones_serve_and_without_any_the_answer_is_503(
    filled: object,
) -> None:
    server = KeyServer()
    clock = [0.0]
    keys = auth.JwksKeys(server.url, seconds=600, clock=lambda: clock[0])
    assert keys.key("one") is not None
    server.close()
    clock[0] += 700
    assert keys.key("one") is not None
    empty = auth.Verifier(keys=auth.JwksKeys(server.url, seconds=600), issuer=ISSUER, audience=None)
    with pytest.raises(auth.ServiceError) as refused:
        empty.principal(server.token())
    assert refused.value.status == 503


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "::", "signpost.example"])
def test_dev_auth_refuses_any_address_but_loopback(host: str) -> None:
    with pytest.raises(UsageError, match="loopback"):
        Settings(dev_auth=True, host=host)


def test_dev_auth_answers_only_loopback_names(store: object, tmp_path: object) -> None:
    settings = Settings(database_url=f"sqlite:///{store}", dev_auth=True, log_level="ERROR")
    with running(but(settings)) as address:
        assert httpx.get(f"{address}/sign-in").status_code == 200
        assert httpx.get(f"{address}/sign-in", headers={"Host": "signpost.example"}).status_code == 403
        crossed = httpx.post(
            f"{address}/sign-in", data={"user": "X"}, headers={"Origin": "https://elsewhere.example"}
        )
        assert crossed.status_code == 403


def test_a_token_is_refused_once_it_expires_and_once_its_key_is_withdrawn() -> None:
    server = KeyServer()
    clock = [0.0]
    keys = JwksKeys(server.url, seconds=60, clock=lambda: clock[0])
    verifier = Verifier(keys=keys, issuer=ISSUER, audience=None)
    try:
        token = server.token(SUGGESTIONS)
        assert verifier.principal(token) == verifier.principal(token)
        expired = server.token(SUGGESTIONS, exp=int(time.time()) - auth.LEEWAY_SECONDS - 1)
        with pytest.raises(auth.ServiceError) as refused:
            verifier.principal(expired)
        assert refused.value.status == 401
        server.rotate("two")
        clock[0] += 61  # the published keys are read again
        with pytest.raises(auth.ServiceError) as refused:
            verifier.principal(token)
        assert refused.value.status == 401
    finally:
        server.close()
