"""Types of the standard library as a person says them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from gosnap.values.model import Node
from gosnap.values.subject import Shape, Subject

if TYPE_CHECKING:
    from gosnap.values.decode import Decoder

Presenter = Callable[["Decoder", Node, bytes], None]
"""Adds a note to a decoded value; the bytes are the value's. ReadError where what it needs is not there."""


def presenter(subject: Subject, shape: Shape) -> Presenter | None:
    """What presents values of a type; None for those that are shown as they are."""
    return _BY_NAME.get(shape.name)


_BY_NAME: dict[str, Presenter] = {}
