"""The errors that a user can cause; the command line prints each as one line and exits with its code."""


class BashkirError(Exception):
    """Something the user can mend. The message says in one line what is wrong and what to do."""

    exit_code = 2


class ProfileError(BashkirError):
    """A study profile is missing, malformed, or names an unknown model, method or seed."""


class CorpusError(BashkirError):
    """A corpus cannot be read, or holds nothing usable."""


class LanguageError(BashkirError):
    """The lexicon is malformed, or a word is not in it or has no such form."""


class TokenizerError(BashkirError):
    """A tokenizer cannot be loaded, or does not give back the text it was given."""


class ModelError(BashkirError):
    """A model cannot be loaded or adapted."""


class DownloadError(BashkirError):
    """Something that must come from the network could not be fetched."""


class RunError(BashkirError):
    """A run could not be trained, evaluated, stored or found."""


class MemoryLimitError(RunError):
    """A run needs more memory than the machine has."""


class DivergenceError(RunError):
    """The training loss stopped being a finite number."""


class SweepError(BashkirError):
    """A sweep cannot start: no such cells, no Ray, or no cluster."""


class RatingError(BashkirError):
    """A kit for raters cannot be made, or what raters sent back does not fit it."""


class TryError(BashkirError):
    """Two models cannot be tried beside each other, or the page for it cannot be served."""


class BookError(BashkirError):
    """A notebook failed or the book did not build."""


class PlanError(BashkirError):
    """A plan was asked for with figures that no machine has, or a measurement of memory failed."""
