"""Text from elsewhere, made fit to be shown: names, reasons and answers may hold anything."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Without line breaks and without what moves a terminal's cursor or colours: each a space."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
