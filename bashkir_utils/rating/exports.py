"""What raters send back: files of unknown origin, checked before anything is made of them."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import AwareDatetime, BeforeValidator, Field, ValidationError

from ..exceptions import RatingError
from ..markup import visible_text
from ..study import Specification

FORM: Literal["bashkir-rating"] = "bashkir-rating"
VERSION: Literal[1] = 1
Language = Literal["bashkir", "other", "mixed", "unclear"]
LANGUAGES: tuple[str, ...] = get_args(Language)
Grade = Annotated[int, Field(strict=True, ge=1, le=5)]
LONGEST_COMMENT = 2000
LONGEST_NAME = 60
"""Of a rater, in characters."""
LARGEST_FILE = 20_000_000
"""Bytes of a file that is read at all."""
Checked = TypeVar("Checked", bound=Specification)
# what \s is in JavaScript, which is not what it is in Python
_SPACES = re.compile(r"[\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")


def _named(name: Any) -> Any:
    """A rater's name as the page keeps it: composed (NFC), on one line, with single spaces and none around it."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", name)).strip(" ") if isinstance(name, str) else name


Rater = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME), BeforeValidator(_named)]


class Rating(Specification):
    """What one rater says of one text."""

    id: str
    language: Language
    fluency: Grade
    adequacy: Grade
    comment: str = Field("", max_length=LONGEST_COMMENT)
    rated: AwareDatetime


class Export(Specification):
    """The file that the page gives: all complete ratings of one rater."""

    form: Literal["bashkir-rating"]
    version: Literal[1]
    kit: str
    rater: Rater
    exported: AwareDatetime
    ratings: tuple[Rating, ...] = Field(min_length=1)


def read_checked(path: Path, shape: type[Checked]) -> Checked:
    """A JSON file of that shape.

    Raises:
        RatingError: it is missing, too large, no JSON, or of another shape.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            raise RatingError(f"{path.name}: larger than {LARGEST_FILE:,} bytes, so no file of this kit")
        return shape.model_validate_json(content)
    except OSError as error:
        raise RatingError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "file"
        raise RatingError(f"{path.name}: {visible_text(where, 80)}: {visible_text(first['msg'], 120)}") from error


def read_export(path: Path, kit: str, names: frozenset[str]) -> Export:
    """The ratings of one file, all of texts of the kit and none twice.

    Raises:
        RatingError: as :func:`read_checked`, or the ratings are of another kit, or name a text twice or an unknown one.
    """
    export = read_checked(path, Export)
    if export.kit != kit:
        raise RatingError(f"{path.name}: ratings of kit {visible_text(export.kit, 40)}, and the key is of kit {kit}")
    seen: set[str] = set()
    for rating in export.ratings:
        if rating.id in seen or rating.id not in names:
            what = "rated twice" if rating.id in seen else "not in the key"
            raise RatingError(f"{path.name}: text {visible_text(rating.id, 40)} is {what}")
        seen.add(rating.id)
    return export
