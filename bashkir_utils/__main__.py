"""``python -m bashkir_utils`` is ``bashkir``; ``accelerate launch`` starts it so."""

from .cli import main

main()
