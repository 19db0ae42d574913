"""Who may look into the archive, and in which role.

The roles keep apart what one person must not hold together (GB/T 22239-2019, 8.1.5: system,
security and audit administration by different people): who runs the machines reads no messages,
who reads messages does not run the machines, and who watches over both does neither.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from config.written import Key, Written, refusal

ADMINISTRATOR, OFFICER, REVIEWER, AUDITOR = "administrator", "officer", "reviewer", "auditor"
ROLES = (ADMINISTRATOR, OFFICER, REVIEWER, AUDITOR)
APART = (
    (ADMINISTRATOR, OFFICER),
    (ADMINISTRATOR, REVIEWER),
    (ADMINISTRATOR, AUDITOR),
    (OFFICER, AUDITOR),
    (REVIEWER, AUDITOR),
)


class Person(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody with an account on the machine, and the roles they have."""

    account: str
    roles: tuple[str, ...]


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may do what with archived messages.

    `open`: nobody is told apart; whoever can read the files may do everything, and the custody
    book says so. For trying out, on a machine of one's own.
    """

    open: bool = False
    people: tuple[Person, ...] = ()


def check_access(
    access: Access, written: Written | None = None, section: Key = ("access",)
) -> None:
    """Refuse roles that do not exist, or that one person must not hold together.

    Args:
        section: where it stands in what was written.

    Raises:
        MingjianError: names the key, what was given and what is allowed.
    """
    written = written or Written("", None)
    people = (*section, "people")
    if access.open and access.people:
        raise refusal(
            written.place((*section, "open")),
            (*section, "open"),
            True,
            ("false, where people are named", "指定了人员时只能是 false"),
        )
    accounts = Counter(person.account for person in access.people)
    for number, person in enumerate(access.people):
        key = (*people, str(number))
        if not person.account.strip() or accounts[person.account] > 1:
            raise refusal(
                written.place(key),
                (*key, "account"),
                person.account,
                (
                    "an account of the machine, each named once with all its roles",
                    "本机账号，每个账号只写一次并列出其全部角色",
                ),
            )
        _check_roles(written, key, person)


def _check_roles(written: Written, key: Key, person: Person) -> None:
    where, given = written.place(key), ", ".join(person.roles)
    if not person.roles or set(person.roles) - set(ROLES):
        allowed = f"some of {', '.join(ROLES)}", f"从 {'、'.join(ROLES)} 中选"
        raise refusal(where, (*key, "roles"), given, allowed)
    for one, other in APART:
        if one in person.roles and other in person.roles:
            allowed = (
                f"{one} and {other} as two people",
                f"{one} 与 {other} 由两人分任",
            )
            raise refusal(where, (*key, "roles"), given, allowed)
