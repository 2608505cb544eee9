"""The routes, one small file a subject."""
