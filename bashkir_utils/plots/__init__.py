"""Figures of the book, one module for each part of it; the style and the colours are in :mod:`.style`."""
