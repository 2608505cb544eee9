"""The equality report as files: accessible HTML that needs no network, with CSV and JSON beside it."""
