"""Pictures of notebook outputs with the words that their metadata hold, which MyST-NB leaves out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from docutils import nodes

if TYPE_CHECKING:
    from myst_nb.core.render import MimeData, NbElementRenderer


class DescribedPicture:
    """MyST-NB's renderer of PNG outputs, with the metadata's ``alt`` as the text alternative."""

    mime_priority_overrides: ClassVar[Sequence[tuple[str, str, int | None]]] = ()

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: bool) -> list[nodes.Element] | None:
        """The picture, where it has words; None leaves it to MyST-NB."""
        words = data.output_metadata.get(data.mime_type, {}).get("alt")
        if inline or data.mime_type != "image/png" or not words:
            return None
        images: list[nodes.Element] = renderer.render_image(data)
        for image in images:
            image["alt"] = words
        return images
