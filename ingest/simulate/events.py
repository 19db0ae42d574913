"""What was done besides talking: callbacks and side logs of docs/data-formats.md.

All of it is ordinary: logins on new devices and transfers happen in office hours only, nobody
deletes more than three customers an hour. Planted cases come from `plants`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date
from itertools import accumulate
from random import Random
from typing import Any

from ingest.simulate.clock import HOUR_MS, TALK, is_working, midnight
from ingest.simulate.limits import Limits
from ingest.simulate.mint import Item, Mint
from ingest.simulate.talk import pick, table
from ingest.simulate.world import Employee, World, base64ish

EVENTS_PER_MESSAGE = 0.025  # an assumption
_OFFICE_HOURS = (9.1 * HOUR_MS, 17.8 * HOUR_MS)

# kind: weight in office hours, weight otherwise
_WEIGHTS = {
    "customer_added": (90, 40),
    "customer_deleted": (14, 3),
    "customer_left": (18, 12),
    "customer_edited": (120, 10),
    "transfer_failed": (4, 0),
    "transfer_takeover": (4, 1),
    "audit_approved": (60, 25),
    "room_changed": (70, 20),
    "customer_transferred": (12, 0),
    "login_new_device": (10, 0),
    "login_secondary_device": (14, 0),
    "member_operation": (70, 8),
    "admin_operation": (25, 1),
    "file_operation": (220, 12),
    "screen_operation": (30, 4),
    "drive_changed": (60, 4),
    "archive_accessed": (6, 0),
}
_KINDS = tuple(_WEIGHTS)
_REACHED = {
    True: list(accumulate(w for w, _ in _WEIGHTS.values())),
    False: list(accumulate(w for _, w in _WEIGHTS.values())),
}
_MEMBER_OPERATIONS = {
    1: "添加外部联系人",
    2: "删除外部联系人",
    3: "标记企业客户",
    5: "更换手机号",
    8: "邀请成员",
    11: "修改昵称",
    16: "应用变更",
}
_DEVICES = ("iPhone 14", "HUAWEI Mate 60", "Windows 11 PC", "MacBook Pro", "Xiaomi 14", "iPad")
_ROOM_DETAILS = ("add_member", "del_member", "change_owner", "change_name", "change_notice")


class Acts:
    """Makes side events.

    Args:
        limits: shared with `Talk`, so that both keep to the same bounds.
    """

    def __init__(self, world: World, seed: int, stream: int, limits: Limits) -> None:
        self.world, self.limits = world, limits
        self.rng = Random(f"events:{seed}:{stream}")
        self.mint = Mint(seed, stream, world.tenant)

    def groups(self, day: date, messages: int) -> Iterator[tuple[int, list[Item]]]:
        """Events of a day with so many messages, as (start, items)."""
        begin, working = midnight(day), is_working(day)
        profile, count = TALK[working], round(messages * EVENTS_PER_MESSAGE)
        for number in range(count):
            offset = profile.at((number + 0.5) / count)
            office = working and _OFFICE_HOURS[0] <= offset <= _OFFICE_HOURS[1]
            reached = _REACHED[office]
            kind = _KINDS[bisect_right(reached, self.rng.random() * reached[-1])]
            yield begin + offset, self._make(kind, begin + offset)

    def _make(self, kind: str, time: int) -> list[Item]:
        employee = pick(self.rng, self.world.front)
        if kind == "customer_deleted":
            if self.limits.may_delete(employee.userid, time):
                return self.delete(time, employee, 1, 2, "")[0]
            kind = "customer_edited"
        elif kind == "customer_transferred":
            operator = pick(self.rng, self.world.by_department["运营部"])
            count = 1 + int(self.rng.random() * self.rng.random() * 8)
            return self.transfer(time, operator, employee, count)[0]
        elif kind == "transfer_takeover":
            count = 2 + int(self.rng.random() * 6)
            return self.delete(time, employee, count, 900, "DELETE_BY_TRANSFER")[0]
        elif kind.startswith("login_"):
            return [self.login(time, kind, pick(self.rng, self.world.employees))[0]]
        actor, source, payload = getattr(self, f"_{kind}")(employee)
        return [self.mint.event(time, actor, source, kind, payload)[0]]

    # --- those that plants use too ---------------------------------------------------------

    def transfer(
        self, time: int, operator: Employee, giver: Employee, count: int, step: int = 4000
    ) -> tuple[list[Item], list[str]]:
        """`count` customers handed to a colleague by one operator, one about every `step` ms."""
        taker = pick(self.rng, [e for e in self.world.front if e is not giver])
        approval = f"SP{self.rng.getrandbits(40):012d}"
        made = []
        for _ in range(count):
            payload = {
                "operator": operator.userid,
                "handover_userid": giver.userid,
                "takeover_userid": taker.userid,
                "external_userid": pick(self.rng, giver.customers).id,
                "approval_id": approval,
            }
            made.append(
                self.mint.event(
                    time, operator.userid, "transfer_audit", "customer_transferred", payload
                )
            )
            time += step // 2 + int(self.rng.random() * step)
        return [item for item, _ in made], [event_id for _, event_id in made]

    def delete(
        self, time: int, employee: Employee, count: int, step: int, source: str
    ) -> tuple[list[Item], list[str]]:
        """`count` customers deleted by one employee, or by the system when `source` says so."""
        first = int(self.rng.random() * len(employee.customers))
        if not source:  # an ordinary deletion, or a planted one, spares who has just complained
            spared = 0
            while spared < len(employee.customers) and not self.limits.may_lose(
                employee.customers[(first + spared) % len(employee.customers)].id, time
            ):
                spared += 1
            first += spared
        made = []
        for number in range(count):
            customer = employee.customers[(first + number) % len(employee.customers)]
            payload = {
                "UserID": employee.userid,
                "ExternalUserID": customer.id,
                "Source": source,
            }
            made.append(
                self.mint.event(time, employee.userid, "callback", "customer_deleted", payload)
            )
            time += step // 2 + int(self.rng.random() * step)
        return [item for item, _ in made], [event_id for _, event_id in made]

    def login(self, time: int, kind: str, employee: Employee) -> tuple[Item, str]:
        """A login on a new or a secondary device."""
        number = 4 if kind == "login_new_device" else 13
        payload = {
            "userid": employee.userid,
            "oper_type": number,
            "detail_info": f"设备：{pick(self.rng, _DEVICES)}",
            "ip": self._masked(employee),
        }
        return self.mint.event(time, employee.userid, "member_oper_log", kind, payload)

    # --- the rest: (actor, source, payload) ------------------------------------------------

    def _masked(self, employee: Employee) -> str:
        return employee.ip.rsplit(".", 1)[0] + ".*"  # the member log hides the last octet

    def _contact(self, employee: Employee, **more: str) -> tuple[str, str, dict[str, Any]]:
        customer = pick(self.rng, employee.customers).id
        ids = {"UserID": employee.userid, "ExternalUserID": customer}
        return employee.userid, "callback", {**ids, **more}

    def _customer_added(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        return self._contact(employee, State=pick(self.rng, ("", "qr_web", "qr_branch", "event")))

    def _customer_edited(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        return self._contact(employee)

    def _audit_approved(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        return self._contact(employee)

    def _customer_left(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        return self._contact(employee)

    def _transfer_failed(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        reason = pick(self.rng, ("customer_refused", "customer_limit_exceed"))
        return self._contact(employee, FailReason=reason)

    def _room_changed(self, _: Employee) -> tuple[str, str, dict[str, Any]]:
        room = pick(self.rng, self.world.external_rooms)
        change = pick(self.rng, ("update", "update", "update", "update", "create", "dismiss"))
        update = change == "update"
        payload: dict[str, Any] = {
            "ChatId": room.id,
            "ChangeType": change,
            "UpdateDetail": pick(self.rng, _ROOM_DETAILS) if update else "",
            "JoinScene": pick(self.rng, (0, 3)),
            "QuitScene": pick(self.rng, (0, 0, 1)),
            "MemChangeCnt": 1 + int(self.rng.random() * 3) if update else 0,
        }
        return "", "callback", payload

    def _member_operation(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        number = pick(self.rng, tuple(_MEMBER_OPERATIONS))
        payload = {
            "userid": employee.userid,
            "oper_type": number,
            "detail_info": _MEMBER_OPERATIONS[number],
            "ip": self._masked(employee),
        }
        return employee.userid, "member_oper_log", payload

    def _admin_operation(self, _: Employee) -> tuple[str, str, dict[str, Any]]:
        admin = pick(self.rng, self.world.by_department["信息技术部"])
        payload = {
            "userid": admin.userid,
            "oper_type": pick(self.rng, (2, 3, 7, 8, 11, 12, 13)),
            "detail_type": 1 + int(self.rng.random() * 9),
            "detail_info": f"部门：{pick(self.rng, self.world.employees).department}",
            "ip": admin.ip,
        }
        return admin.userid, "admin_oper_log", payload

    def _file_operation(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        rng = self.rng
        name = f"{pick(rng, table()['slots']['filename'])}{int(rng.random() * 10000):04d}.pdf"
        facts: dict[str, Any] = {
            "file_info": name,
            "file_size": 12000 + int(rng.random() * 4000000),
            "file_md5": f"{rng.getrandbits(128):032x}",
        }
        if rng.random() < 0.06:  # noqa: PLR2004 - share of customers who open a link
            outsider = pick(rng, self.world.customers)
            who = {"type": 1, "name": outsider.call, "corp_name": outsider.firm}
            operation = {"type": 10001, "source": 401}
            facts["file_info"] = f"通过{employee.userid}的链接下载了{name}"
            return "", "file_oper_record", {"external_user": who, "operation": operation, **facts}
        payload = {
            "userid": employee.userid,
            "operation": {"type": pick(rng, (101, 103, 103)), "source": 401},
            **facts,
            "device_type": pick(rng, (1, 1, 2, 3)),
            "device_code": employee.device,
        }
        return employee.userid, "file_oper_record", payload

    def _screen_operation(self, employee: Employee) -> tuple[str, str, dict[str, Any]]:
        kind, what = pick(
            self.rng, ((1, "聊天"), (2, "通讯录"), (4, "文件"), (5, "日程"), (6, "其他"))
        )
        payload = {
            "userid": employee.userid,
            "department_id": 1 + [*self.world.by_department].index(employee.department),
            "screen_shot_type": kind,
            "screen_shot_content": what,
            "system": pick(self.rng, ("iOS", "Android", "Windows", "Mac")),
        }
        return employee.userid, "screen_oper_record", payload

    def _drive_changed(self, _: Employee) -> tuple[str, str, dict[str, Any]]:
        files: list[str] = [f"f.{base64ish(self.rng, 20)}"]
        if self.rng.random() < 0.15:  # noqa: PLR2004 - several files at once
            files += [f"f.{base64ish(self.rng, 20)}", f"f.{base64ish(self.rng, 20)}"]
        change = pick(self.rng, ("create_file", "rename_file", "move_file", "delete_file"))
        payload = {
            "SpaceId": f"s.{base64ish(self.rng, 16)}",
            "FileId": files if len(files) > 1 else files[0],
            "ChangeType": change,
        }
        return "", "drive_callback", payload

    def _archive_accessed(self, _: Employee) -> tuple[str, str, dict[str, Any]]:
        officer = pick(self.rng, self.world.by_department["合规部"])
        payload = {
            "userid": officer.userid,
            "operation": pick(self.rng, ("view", "view", "view", "export")),
            "object": f"case-{int(self.rng.random() * 9000) + 1000}",
        }
        return officer.userid, "own_audit", payload
