"""The simulated firm: its people, customers and groups, all a function of one seed.

Nothing here is a real person, company, account or number: names are drawn from common surnames
and given names, identifiers only have the shape of WeCom's.
"""

from __future__ import annotations

import json
from random import Random

TENANT = "demo"
COMPANY = "明鉴示范咨询有限公司"
COMPANY_PHONES = ("021-60850000", "021-60850123", "021-60850188", "400-820-0000")
SITE = "https://m.mjsf.example.com"

# Accounts of the firm itself, open to customers for payment: not a leak of a person's card.
# Two are settlement cards that pass BIN and Luhn on purpose, two are plain account numbers.
COMPANY_ACCOUNTS = (
    "6222021001099550011",
    "6228480038567890124",
    "1001244119006806688",
    "31001522300050012345",
)

EMPLOYEES = 200
CUSTOMERS = 4200
_EXTERNAL_ROOMS = 180
_INTERNAL_ROOMS = 60
_SHORT_ID_SHARE = 0.5  # userids without a surname
_WECOM_CUSTOMER_SHARE = 0.1  # customers who use WeCom themselves: ids in `wo`
_ID_HEAD = "Qk7vDgAA"  # ids of one company begin alike in WeCom
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

DEPARTMENTS: tuple[tuple[str, int], ...] = (
    ("财富管理部", 82),
    ("企业咨询部", 42),
    ("客户服务部", 36),
    ("合规部", 9),
    ("运营部", 16),
    ("人力行政部", 8),
    ("信息技术部", 5),
    ("管理层", 2),
)
FRONT = ("财富管理部", "企业咨询部", "客户服务部")

_SURNAMES = (
    "张zhang 王wang 李li 刘liu 陈chen 杨yang 赵zhao 黄huang 周zhou 吴wu 徐xu 孙sun 胡hu 朱zhu "
    "高gao 林lin 何he 郭guo 马ma 罗luo 梁liang 宋song 郑zheng 谢xie 韩han 唐tang 冯feng 于yu "
    "董dong 萧xiao 程cheng 曹cao 袁yuan 邓deng 许xu 傅fu 沈shen 曾zeng 彭peng 吕lv 苏su 卢lu "
    "蒋jiang 蔡cai 贾jia 丁ding 魏wei 薛xue 叶ye 阎yan 余yu 潘pan 杜du 戴dai 夏xia 钟zhong"
)
_GIVEN = (
    "伟wei 芳fang 娜na 敏min 静jing 丽li 强qiang 磊lei 洋yang 艳yan 勇yong 杰jie 娟juan 涛tao "
    "明ming 超chao 霞xia 平ping 刚gang 丽娜lina 桂英guiying 建华jianhua 志强zhiqiang 秀兰xiulan "
    "海燕haiyan 晓东xiaodong 雪梅xuemei 文博wenbo 子涵zihan 雨桐yutong 浩然haoran 梓轩zixuan "
    "思远siyuan 佳怡jiayi 俊杰junjie 欣悦xinyue 一鸣yiming 若曦ruoxi 嘉豪jiahao 晨曦chenxi "
    "诗雨shiyu 天宇tianyu 可欣kexin 博文bowen 梦瑶mengyao 国栋guodong 春燕chunyan 永刚yonggang"
)
_TITLES = ("先生", "女士", "女士", "总", "先生", "老师", "经理", "阿姨")
_CUSTOMER_FIRMS = (
    "远澄贸易",
    "汇川机电",
    "青禾食品",
    "众行物流",
    "安泽医疗器械",
    "金砚装饰",
    "宏图印刷",
    "锦程纺织",
    "瑞恒包装",
    "海岳建材",
    "云栖软件",
    "博雅教育",
)


def conversation_key(first: str, second: str) -> str:
    """Key of a single chat: the two parties sorted and joined by `|` (docs/data-formats.md)."""
    return f"{first}|{second}" if first < second else f"{second}|{first}"


def base64ish(rng: Random, length: int) -> str:
    """Random characters of the URL-safe base64 alphabet."""
    bits = rng.getrandbits(6 * length)
    return "".join(_BASE64[(bits >> (6 * i)) & 63] for i in range(length))


class Employee:
    """A member of the firm. `userid` is the id in messages; `customers` are the ones served."""

    __slots__ = ("customers", "department", "device", "ip", "name", "rooms", "userid")

    def __init__(self, userid: str, name: str, department: str, device: str, ip: str) -> None:
        self.userid, self.name, self.department = userid, name, department
        self.device, self.ip = device, ip
        self.customers: list[Customer] = []
        self.rooms: list[Room] = []


class Customer:
    """An external contact and the employee who serves it."""

    __slots__ = ("call", "firm", "id", "name", "owner")

    def __init__(self, external_id: str, name: str, call: str, firm: str, owner: Employee) -> None:
        self.id, self.name, self.call, self.firm, self.owner = external_id, name, call, firm, owner


class Room:
    """A group chat. `customers` is empty in an internal one."""

    __slots__ = ("_tolist", "bot", "customers", "id", "name", "staff")

    def __init__(
        self, room_id: str, name: str, staff: list[Employee], customers: list[Customer], bot: str
    ) -> None:
        self.id, self.name, self.staff, self.customers, self.bot = (
            room_id,
            name,
            staff,
            customers,
            bot,
        )
        self._tolist: dict[str, str] = {}

    def tolist(self, sender: str) -> str:
        """JSON list of every member but the sender."""
        found = self._tolist.get(sender)
        if found is None:
            members = [e.userid for e in self.staff] + [c.id for c in self.customers]
            found = json.dumps([m for m in members if m != sender], separators=(",", ":"))
            self._tolist[sender] = found
        return found


def _split(table: str) -> list[tuple[str, str]]:
    """ "张zhang" -> ("张", "zhang")."""
    rows = []
    for word in table.split():
        latin = next(i for i, char in enumerate(word) if char.isascii())
        rows.append((word[:latin], word[latin:]))
    return rows


class World:
    """Everybody and every group of the firm.

    Args:
        seed: the same seed gives the same world on any machine.
        tenant: the firm.
    """

    def __init__(self, seed: int, tenant: str = TENANT) -> None:
        rng = Random(f"world:{seed}")
        surnames, given = _split(_SURNAMES), _split(_GIVEN)
        self.tenant = tenant
        self.employees = self._hire(rng, surnames, given)
        self.by_department: dict[str, list[Employee]] = {name: [] for name, _ in DEPARTMENTS}
        for employee in self.employees:
            self.by_department[employee.department].append(employee)
        self.front = [e for e in self.employees if e.department in FRONT]
        self.customers = self._meet(rng, surnames, given)
        self.external_rooms = [self._external_room(rng, n) for n in range(_EXTERNAL_ROOMS)]
        self.internal_rooms = [self._internal_room(rng, n) for n in range(_INTERNAL_ROOMS)]

    def _hire(
        self, rng: Random, surnames: list[tuple[str, str]], given: list[tuple[str, str]]
    ) -> list[Employee]:
        used: dict[str, int] = {}
        staff = []
        for department, size in DEPARTMENTS:
            for _ in range(size):
                family, first = rng.choice(surnames), rng.choice(given)
                short = len(first[0]) > 1 and rng.random() < _SHORT_ID_SHARE
                stem = first[1] if short else family[1] + first[1]
                used[stem] = used.get(stem, 0) + 1
                userid = stem if used[stem] == 1 else f"{stem}{used[stem]:02d}"
                ip = f"10.{20 + rng.randrange(4)}.{rng.randrange(1, 250)}.{rng.randrange(2, 250)}"
                device = base64ish(rng, 7)
                staff.append(Employee(userid, family[0] + first[0], department, device, ip))
        return staff

    def _meet(
        self, rng: Random, surnames: list[tuple[str, str]], given: list[tuple[str, str]]
    ) -> list[Customer]:
        found = []
        for number in range(CUSTOMERS):
            owner = self.front[number % len(self.front)]
            head = "wo" if rng.random() < _WECOM_CUSTOMER_SHARE else "wm"
            family, first = rng.choice(surnames)[0], rng.choice(given)[0]
            firm = rng.choice(_CUSTOMER_FIRMS) if owner.department == "企业咨询部" else ""
            customer = Customer(
                f"{head}{_ID_HEAD}{base64ish(rng, 22)}",
                family + first,
                family + rng.choice(_TITLES),
                firm,
                owner,
            )
            owner.customers.append(customer)
            found.append(customer)
        return found

    def _external_room(self, rng: Random, number: int) -> Room:
        owner = self.front[(number * 7) % len(self.front)]
        others = rng.sample([e for e in self.front if e is not owner], rng.randrange(1, 3))
        size = rng.randrange(2, 15)
        pool = owner.customers + others[0].customers
        customers = rng.sample(pool, min(size, len(pool)))
        name = rng.choice(("服务群", "项目沟通群", "权益服务群", "售后群", "季度沟通群"))
        room_id = f"wr{_ID_HEAD}{base64ish(rng, 22)}"
        room = Room(room_id, customers[0].call + name, [owner, *others], customers, "")
        for employee in room.staff:
            employee.rooms.append(room)
        return room

    def _internal_room(self, rng: Random, number: int) -> Room:
        department = DEPARTMENTS[number % len(DEPARTMENTS)][0]
        pool = self.by_department[department] if number % 3 else self.employees
        staff = rng.sample(pool, min(len(pool), rng.randrange(4, 20)))
        name = rng.choice(("例会群", "项目组", "通知群", "值班群", "协作群"))
        bot = f"wb{_ID_HEAD}{base64ish(rng, 22)}"
        return Room(f"wr{_ID_HEAD}{base64ish(rng, 22)}", department + name, staff, [], bot)
