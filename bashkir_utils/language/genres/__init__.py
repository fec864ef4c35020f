"""The genres of generated documents."""

from . import household, news, reference
from .genre import Genre

GENRES: tuple[Genre, ...] = (
    news.BUILDING,
    reference.VILLAGE,
    news.COLD_WEATHER,
    household.PIE,
    household.FAMILY,
    reference.BEAST,
    household.DIALOGUE,
    news.EVENT,
    household.TALE,
    reference.BIOGRAPHY,
    household.SOUP,
    news.WARM_WEATHER,
    reference.BROOK,
    news.HARVEST,
    household.JAM,
)
"""In the order in which documents take their turns."""

__all__ = ["GENRES", "Genre"]
