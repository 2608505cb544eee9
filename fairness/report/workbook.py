"""The tables of the report as one OpenDocument spreadsheet: a sheet a table, the first row its title.

Written as plain XML (ODF 1.3), because a workbook of text and numbers needs no library. Sheets follow
the guidance for accessible spreadsheets: a cover, one table a sheet starting in the first column, no
merged or empty cells, suppressed and undefined as the shorthand that the cover explains.
"""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from fairness import tables
from fairness.report.model import SYNTHETIC
from fairness.result import AuditResult

TYPE = "application/vnd.oasis.opendocument.spreadsheet"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.3"'
)
Value = str | float | int | None


def write(path: Path, result: AuditResult) -> None:
    """Write the workbook. The same audit gives the same bytes."""
    frame = tables.frame(result.comparisons)
    sheets: list[tuple[str, Sequence[Sequence[Value]]]] = [
        ("Cover", _cover(result)),
        (
            "Coverage",
            [
                list(result.coverage[0].as_dict()),
                *(_plain(each.as_dict()) for each in result.coverage),
            ],
        ),
        ("Comparisons", [frame.columns, *(list(row) for row in frame.iter_rows())]),
    ]
    for grids in result.evidence.grids.values():
        sheets.extend((grid.name[:31], [[grid.title], list(grid.columns), *grid.rows]) for grid in grids)
    body = "".join(_sheet(name, rows) for name, rows in sheets)
    content = f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {_SPACES}><office:body><office:spreadsheet>{body}</office:spreadsheet></office:body></office:document-content>'
    manifest = (
        '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{TYPE}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    with zipfile.ZipFile(path, "w") as archive:
        # The type comes first and uncompressed, so that it can be read off the file's first bytes.
        archive.writestr(_entry("mimetype", zipfile.ZIP_STORED), TYPE)
        archive.writestr(_entry("content.xml", zipfile.ZIP_DEFLATED), content)
        archive.writestr(_entry("META-INF/manifest.xml", zipfile.ZIP_DEFLATED), manifest)


def _entry(name: str, compression: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, LONG_AGO)
    info.compress_type = compression
    return info


def _cover(result: AuditResult) -> list[list[Value]]:
    findings: list[list[Value]] = [[each.sentence] for each in result.findings]
    said: list[list[Value]] = [[SYNTHETIC]] if result.synthetic else []
    return [
        ["Equality report"],
        [f"Release {result.bundle_version}, as of {result.as_of.isoformat()}"],
        [result.sentence.capitalize()],
        ["Empty cells of the report stand as [c]: not published, or [x]: not defined or not compared."],
        ["Each further sheet holds one table that starts in its first column."],
        *said,
        *findings,
    ]


def _plain(record: Mapping[str, object]) -> list[Value]:
    return [
        value if isinstance(value, str | float | int) or value is None else str(value)
        for value in record.values()
    ]


def _sheet(name: str, rows: Sequence[Sequence[Value]]) -> str:
    suppressed = next((place for place, cell in enumerate(rows[0]) if cell == "status"), None)
    lines = []
    for row in rows:
        # Only the comparisons have cells that are not defined; in every other table an empty cell is withheld.
        blank = "[c]" if suppressed is None or row[suppressed] == "SUPPRESSED" else "[x]"
        lines.append(f"<table:table-row>{''.join(_cell(cell, blank) for cell in row)}</table:table-row>")
    return f'<table:table table:name="{escape(name)}">{"".join(lines)}</table:table>'


def _cell(cell: Value, blank: str) -> str:
    if isinstance(cell, bool) or cell is None or isinstance(cell, str):
        words = blank if cell is None or cell == "" else str(cell)
        return f'<table:table-cell office:value-type="string"><text:p>{escape(words)}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{cell!r}"><text:p>{cell!r}</text:p></table:table-cell>'
