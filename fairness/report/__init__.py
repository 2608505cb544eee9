"""The equality report as files: accessible HTML that needs no network, with the same numbers as CSV, JSON and a workbook."""
