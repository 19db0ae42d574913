"""How correlations and rules refer to each other: what is read by what, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.correlation.model import Correlation
from rules.correlation.nodes import Node, Read, reader
from rules.correlation.plan import Plan


class Network:
    """The places of correlations, by names.

    Attributes:
        nodes: those that are read come before those that read them.
        readers: of each rule the correlations that refer to it, in order of their places.
        twice: rules that one correlation refers to in two places.
        silent: what raises no alerts, because correlations refer to it.
    """

    def __init__(self, correlations: Mapping[str, Correlation], *, every: bool) -> None:
        order = in_order({name: how.sources() for name, how in correlations.items()})
        read: dict[str, bool] = {}  # what is referred to -> whether it raises alerts all the same
        for how in correlations.values():
            for source in how.sources():
                read[source] = read.get(source, False) or how.generate
        self.nodes = [
            Node(name, place, Plan(correlations[name], every=every, read=name in read), loud)
            for place, name in enumerate(order)
            for loud in (read.get(name, True),)
        ]
        places = {name: place for place, name in enumerate(order)}
        for node in self.nodes:
            for slot, source in enumerate(node.plan.correlation.sources()):
                if source in places:
                    self.nodes[places[source]].parents.append((node.place, slot))
        for node in reversed(self.nodes):
            for place, _ in node.parents:
                parent = self.nodes[place]
                how = parent.plan.correlation
                names = (*how.group_by, *how.fields)
                node.wanted |= {how.field_of(name, node.name) for name in names} | parent.wanted
                node.wanted.update(*map(how.compared, range(len(how.rules))))
            node.simple = node.quick and not node.parents
        self.readers: dict[str, list[Read]] = {}
        self.twice: set[str] = set()  # rules that one correlation refers to in two places
        for node in self.nodes:
            sources = node.plan.correlation.sources()
            self.twice.update(source for source in sources if sources.count(source) > 1)
            for slot, source in enumerate(sources):
                if source not in places:
                    self.readers.setdefault(source, []).append(reader(node, slot, source))
        self.silent = {name for name, loud in read.items() if not loud}


def in_order(reads: Mapping[str, Iterable[str]]) -> list[str]:
    """Names, those that are read before those that read them.

    Args:
        reads: name of each correlation -> what it reads; names of other rules are left out.

    Raises:
        CycleError: of `graphlib`; its second argument names the circle.
    """
    from graphlib import TopologicalSorter  # noqa: PLC0415 - only when rules are loaded

    known = {name: [one for one in sources if one in reads] for name, sources in reads.items()}
    return list(TopologicalSorter(known).static_order())
