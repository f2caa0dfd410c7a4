"""Expressions that ``gosnap live`` watches: `gosnap show` again and again."""

from collections.abc import Callable

from gosnap.live.watcher import Watcher
from gosnap.live.watches import Lines

_ROOM = 400
_WIDTH = 100


def compiler(watcher: Watcher) -> Callable[[str], Lines]:
    """What makes watches of expressions, as `gosnap show` evaluates them."""
    subjects: list[Subject] = []

    def compile_expression(expression: str) -> Lines:
        from gosnap.commands.show_answers import evaluate, type_names
        from gosnap.report.text.values import GoText, safe
        from gosnap.values.model import Limits, Node
        from gosnap.values.subject import of_program

        if not subjects:
            image = watcher.program.image
            subjects.append(of_program(watcher.program, f"{image.program} (pid {image.pid})"))
        subject = subjects[0]
        # read with every look: enough to see that something changes
        limits = Limits(depth=3, items=20, string=100, nodes=500)
        write = GoText(type_names(subject), _WIDTH)

        def read() -> list[str]:
            value = evaluate(subject, limits, expression)
            row = value.row if isinstance(value, Node) else 0
            return [safe(write.one_line(value, row, _ROOM)), *write.lines(value)]

        return read

    return compile_expression


TYPE_CHECKING = False
if TYPE_CHECKING:
    from gosnap.values.subject import Subject
