"""How is a value said in a table or a sentence?"""

from collections.abc import Mapping


def figure(value: object) -> str:
    """A value as a reader wants it: four significant places, thousands parted; None reads "not defined", never 0."""
    if value is None:
        return "not defined"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(figure(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {figure(item)}" for key, item in sorted(value.items()))
    if isinstance(value, int | float):
        return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return str(value).replace("|", "/")
