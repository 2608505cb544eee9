"""The command line, and nothing else: thin commands that call the rooms."""
