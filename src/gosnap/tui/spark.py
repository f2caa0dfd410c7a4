"""Small charts of text: bars, a line of a goal, marks below. No colour is needed to read them."""

from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"
_GOAL = "╌"


def bars(values: Sequence[int], width: int, height: int, ceiling: int) -> list[str]:
    """The last ``width`` values as bars, newest at the right, in ``height`` lines from the top; ``ceiling``
    fills them. What is more than nothing can be seen."""
    if width <= 0 or height <= 0:
        return [""] * max(height, 0)
    shown = list(values)[-width:]
    steps = 8 * height
    levels = [_level(v, ceiling, steps) for v in shown]
    lines = []
    for row in range(height - 1, -1, -1):
        text = "".join(_BLOCKS[min(max(level - 8 * row, 0), 8)] for level in levels)
        lines.append(text.rjust(width))
    return lines


def _level(value: int, ceiling: int, steps: int) -> int:
    if value <= 0:
        return 0
    return min(max(round(value / max(ceiling, 1) * steps), 1), steps)


def with_goal(lines: list[str], goals: Sequence[int], ceiling: int) -> list[str]:
    """The chart with a mark at the height of each goal (0: none), where no bar hides it."""
    height, width = len(lines), len(lines[0]) if lines else 0
    shown = list(goals)[-width:] if width else []
    out = [list(line) for line in lines]
    for i, goal in enumerate(shown):
        if goal <= 0 or goal > ceiling:
            continue
        row = min((_level(goal, ceiling, 8 * height) - 1) // 8, height - 1)
        column = width - len(shown) + i
        if out[height - 1 - row][column] == " ":
            out[height - 1 - row][column] = _GOAL
    return ["".join(line) for line in out]


def marks(counts: Sequence[int], width: int) -> str:
    """One character per value: a mark for 1, the number for more, + for more than nine."""
    shown = list(counts)[-width:] if width > 0 else []
    text = "".join(" " if n <= 0 else "^" if n == 1 else str(n) if n < 10 else "+" for n in shown)
    return text.rjust(max(width, 0))
