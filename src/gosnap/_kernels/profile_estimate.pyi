"""How far off estimates from sampled allocations may be.

Go samples allocations (runtime/malloc.go, nextSample, Go 1.21 to 1.27) so that an object of s bytes is in the
profile with probability p = 1 - exp(-s/R), each for itself, where R is MemProfileRate, the profile's period.
Of k objects of that kind that were sampled, N = k/p is the estimate of how many there are, and M = N - k is
what was missed: until the k-th object was sampled, M were passed over, which has the negative binomial
distribution of mean k(1-p)/p and variance k(1-p)/p². Over kinds, means and variances (times s and s²) add up.

An interval is [seen + q(tail), seen + q(1 - tail)], where seen is what the samples are themselves, and q the
quantile of what was missed: the gamma distribution of that mean and variance, less or plus one object of
average size, as objects come whole. Above, one more sample is added, of the kind that weighs most. Where p is
small, that is the exact interval of a Poisson count (F. Garwood, 1936) and, of several kinds, Fay's and
Feuer's (1997); where p is 1, it is the value itself. Where more likely than ``1 - tail`` nothing was missed,
it ends at what was seen.

Of a size that no sample is of nothing is known, and nothing is in the interval. Of bytes that is little, as
each sample of small objects stands for about R bytes; where one function makes objects of very different
sizes, their count may be further off.
"""

from typing_extensions import Buffer

class Sums:
    """What samples say of nodes, and of all together.

    ``values``, ``stack_…``, ``label_…``: columns of a profile with ``types`` sample types; ``index``: the one
    that is counted; ``objects``, ``space``: those that count the same as objects and as bytes, -1 for none.
    ``period``: R, in bytes; 1: nothing was missed. ``size_key``: the string that names the label with the
    size of a sample's objects, 0 for none; without one it is the quotient of bytes and objects.
    ``frame_…``: the nodes of locations, below ``n``; a node counts once a sample, as in
    ``profile_graph.weights``.

    ValueError: columns that do not fit together, or references to what is not there.
    """

    n: int
    edges: int
    """How many calls ``add_edges`` was given."""
    negative: int
    """Samples that are less than 0, which are no estimates but differences; they were left out."""
    sizeless: int
    """Samples that do not say what size their objects have; they were left out."""

    def __init__(
        self,
        values: Buffer,
        types: int,
        index: int,
        objects: int,
        space: int,
        period: int,
        label_start: Buffer,
        label_key: Buffer,
        label_str: Buffer,
        label_num: Buffer,
        size_key: int,
        stack_start: Buffer,
        stack: Buffer,
        frame_start: Buffer,
        frame_node: Buffer,
        n: int,
    ) -> None: ...
    def add_edges(self, src: Buffer, dst: Buffer, keep: Buffer | None) -> None:
        """Take calls in, from ``src`` to ``dst`` u32, each pair once; of ``keep`` u8[n], where it is 0, nodes
        are passed over. They are what ``profile_graph.edges`` finds, and count once a sample as there."""

    def call(self, edge: int, level: float = 0.95) -> tuple[float, float, float]:
        """What ``own`` says, of a call."""

    def own(self, node: int, level: float = 0.95) -> tuple[float, float, float]:
        """(samples, low, high) of what a node has itself; all 0 without samples."""

    def whole(self, node: int, level: float = 0.95) -> tuple[float, float, float]:
        """The same of what it and its callees have."""

    def all(self, level: float = 0.95) -> tuple[float, float, float]:
        """The same of all samples."""

def quantile(a: float, p: float) -> float:
    """x with P(a, x) = p, P the regularised lower incomplete gamma function; ValueError unless a > 0 and
    0 < p < 1. To about 1e-9 of x; above a = 1e5 to 1e-3 of the standard deviation."""
