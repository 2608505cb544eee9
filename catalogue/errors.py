"""The one kind of error that a user can put right."""


class UsageError(Exception):
    """Input that cannot be used, said in one sentence.

    The sentence names the thing, its place and the remedy, and never repeats a
    personal value. The command line prints it on stderr and exits with status 2;
    the service turns it into the error shape of HMPPS.
    """


class UnknownFieldError(UsageError):
    """A data file asks about a field that there is not."""


class UnknownInterventionError(UsageError):
    """A rule names an intervention that there is not."""


class MissingSourceError(UsageError):
    """A data file states a rule and does not say on what it rests."""
