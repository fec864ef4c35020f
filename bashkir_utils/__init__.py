"""Helper package of the Bashkir book: corpus, tokenizers, adaptation, evaluation, figures."""

from importlib import metadata

from .exceptions import BashkirError
from .study import Study, load_study
from .workspace import Workspace

__version__ = metadata.version("bashkir-utils")
__all__ = ["BashkirError", "Study", "Workspace", "__version__", "load_study"]
