"""Helper package of the Bashkir book: corpus, tokenizers, adaptation, evaluation, figures."""

import logging
from importlib import metadata

from .exceptions import BashkirError
from .study import Study, load_study
from .workspace import Workspace

__version__ = metadata.version("bashkir-utils")
__all__ = ["BashkirError", "Study", "Workspace", "__version__", "load_study"]

# at its import, which peft's brings, bitsandbytes asks for the package `kernels`, and nothing here needs it
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(lambda line: "kernels-community" not in line.getMessage())
