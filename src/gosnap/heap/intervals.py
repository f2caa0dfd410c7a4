"""Arithmetic on sorted, disjoint ranges of addresses."""

import bisect

Intervals = list[tuple[int, int]]


def merge(intervals: Intervals) -> Intervals:
    """Sorted and disjoint."""
    out: Intervals = []
    for start, end in sorted(intervals):
        if start >= end:
            continue
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


def subtract(intervals: Intervals, holes: Intervals) -> Intervals:
    """What of the sorted, disjoint ``intervals`` is in none of the sorted, disjoint ``holes``."""
    out: Intervals = []
    j = 0
    for start, end in intervals:
        while j < len(holes) and holes[j][1] <= start:
            j += 1
        at, k = start, j
        while k < len(holes) and holes[k][0] < end:
            if holes[k][0] > at:
                out.append((at, holes[k][0]))
            at = max(at, holes[k][1])
            k += 1
        if at < end:
            out.append((at, end))
    return out


def intersect(a: Intervals, b: Intervals) -> Intervals:
    out: Intervals = []
    j = 0
    for start, end in a:
        while j < len(b) and b[j][1] <= start:
            j += 1
        k = j
        while k < len(b) and b[k][0] < end:
            out.append((max(start, b[k][0]), min(end, b[k][1])))
            k += 1
    return out


def clip(intervals: list[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    out = []
    i = max(bisect.bisect_left(intervals, (start, start)) - 1, 0)
    while i < len(intervals) and intervals[i][0] < end:
        x, y = max(intervals[i][0], start), min(intervals[i][1], end)
        if x < y:
            out.append((x, y))
        i += 1
    return out


def length(intervals: Intervals) -> int:
    return sum(end - start for start, end in intervals)
