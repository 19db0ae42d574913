"""Where people talk: single chats and groups, and who speaks under which letter of talk.yaml."""

from __future__ import annotations

from bisect import bisect_right
from random import Random

from ingest.simulate.mint import Setting, Speaker
from ingest.simulate.talk import pick
from ingest.simulate.world import Customer, Employee, Room, World, conversation_key

# setting, cumulated share: by day, and after hours
_KINDS = ("external", "external_room", "internal", "internal_room")
_BY_DAY, _BY_NIGHT = (0.62, 0.75, 0.89, 1.0), (0.9, 0.95, 0.98, 1.0)


def single(employee: Employee, customer: Customer) -> Setting:
    """The single chat of an employee and a customer."""
    speakers = {
        "E": Speaker(employee.userid, employee.name, True, f'["{customer.id}"]'),
        "C": Speaker(customer.id, customer.name, False, f'["{employee.userid}"]'),
    }
    names = {
        "call": customer.call,
        "emp": f"小{employee.name[0]}",
        "dept": employee.department,
    }
    if customer.firm:
        names["firm"] = customer.firm
    key = conversation_key(employee.userid, customer.id)
    return Setting("external", key, "", True, speakers, names)


def colleagues(one: Employee, other: Employee) -> Setting:
    """The single chat of two employees."""
    speakers = {
        "A": Speaker(one.userid, one.name, True, f'["{other.userid}"]'),
        "B": Speaker(other.userid, other.name, True, f'["{one.userid}"]'),
    }
    key = conversation_key(one.userid, other.userid)
    return Setting("internal", key, "", False, speakers, {})


def group(rng: Random, room: Room) -> Setting:
    """A group chat with its speakers drawn."""
    if room.customers:
        first = int(rng.random() * len(room.staff))
        staff = {"E": room.staff[first], "F": room.staff[(first + 1) % len(room.staff)]}
        other = int(rng.random() * len(room.customers))
        guests = {"C": room.customers[other], "D": room.customers[other - 1]}
        speakers = {k: Speaker(c.id, c.name, False, room.tolist(c.id)) for k, c in guests.items()}
        names = {"call": guests["C"].call}
    else:
        first = int(rng.random() * len(room.staff))
        count = len(room.staff)
        staff = {k: room.staff[(first + i) % count] for i, k in enumerate("ABGH")}
        speakers, names = {}, {}
    speakers |= {
        k: Speaker(e.userid, e.name, True, room.tolist(e.userid)) for k, e in staff.items()
    }
    bot = Speaker(room.bot, "", False, room.tolist(room.bot)) if room.bot else None
    kind = "external_room" if room.customers else "internal_room"
    return Setting(kind, room.id, room.id, bool(room.customers), speakers, names, bot)


def anywhere(rng: Random, world: World, night: bool) -> Setting:
    """A conversation drawn by the time of day."""
    kind = _KINDS[bisect_right(_BY_NIGHT if night else _BY_DAY, rng.random())]
    if kind == "external":
        employee = pick(rng, world.front)
        return single(employee, pick(rng, employee.customers))
    if kind == "external_room":
        return group(rng, pick(rng, world.external_rooms))
    if kind == "internal_room":
        return group(rng, pick(rng, world.internal_rooms))
    first = int(rng.random() * len(world.employees))
    second = (first + 1 + int(rng.random() * (len(world.employees) - 1))) % len(world.employees)
    return colleagues(world.employees[first], world.employees[second])
