"""What the service keeps: case documents, what was shown, what was decided, and the audit log."""
