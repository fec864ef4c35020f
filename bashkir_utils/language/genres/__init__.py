"""The genres of generated documents."""

from . import household, lessons, news, people, reference, sayings
from .genre import Genre, Person
from .grammar import Mention, Scene, write
from .switching import SWITCHED_SHARE, SWITCHING_GENRES, switch

GENRES: tuple[Genre, ...] = (
    news.BUILDING,
    reference.VILLAGE,
    news.COLD_WEATHER,
    household.PIE,
    household.FAMILY,
    reference.BEAST,
    household.DIALOGUE,
    sayings.PROVERBS,
    people.PORTRAIT,
    household.TALE,
    reference.BIOGRAPHY,
    household.SOUP,
    news.WARM_WEATHER,
    people.SUMMER,
    reference.BROOK,
    news.EVENT,
    people.MUSEUM,
    people.MARKET,
    lessons.LESSON,
    news.HARVEST,
    household.JAM,
)
"""In the order in which documents take their turns."""

__all__ = [
    "GENRES",
    "SWITCHED_SHARE",
    "SWITCHING_GENRES",
    "Genre",
    "Mention",
    "Person",
    "Scene",
    "switch",
    "write",
]
