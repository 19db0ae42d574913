"""Judgements of an archive: segments, index, tenant keys, ledger. Pure: what was seen in, one line
each out."""

from __future__ import annotations

from jobs.doctor.findings import FAIL, NONE, OK, UNKNOWN, WARN, Finding, span_en, span_zh, worst
from jobs.doctor.observed_archive import (
    Book,
    Index,
    Ledger,
    Rights,
    Segments,
    Stamped,
    TenantKeys,
    Trouble,
)
from rules.plural import plural
from sinks.archive.key_versions import Use

_SAFE = (
    "nothing is lost meanwhile: messages wait to be archived",
    "期间不会丢失：消息在等待归档",
)
_RESTORE = ("restore it from its copy", "请从副本恢复")
_NAME_PEOPLE = (
    "name people and their roles: docs/archive.md, Who may do what",
    "请指定人员及其角色：见 docs/archive.zh-CN.md",
)
_UNSIGNED_MS, _LONG_MS = 120_000, 900_000  # beyond `sign_ms`
_LATE_STAMPS = 3  # times that a stamp was due


def segments(seen: Segments) -> list[Finding]:
    """The storage takes segments, and has the newest."""
    head = (f"{seen.target}: {seen.place}", f"{seen.target}：{seen.place}")
    if seen.absent:
        why = ("there is no such bucket yet", "尚无此存储桶")
        fix = ("make it; where the key may, it is made with the first segment",
               "请创建；若密钥有权创建，写入第一个分段时会自动创建")  # fmt: skip
        return [_one("segments", WARN, _joined(head, why), fix)]
    if seen.closed:
        why = ("does not answer", "无应答") if seen.closed.passes else ("takes none", "不接受写入")
        return [_one("segments", FAIL, _told(head, why, seen.closed), _fix(seen.closed, _SAFE))]
    if seen.lost:
        why = ("the newest cannot be read", "最新的分段无法读取")
        return [_one("segments", FAIL, _told(head, why, seen.lost), _fix(seen.lost, _RESTORE))]
    takes = ("takes segments", "可写入")
    if seen.unknown:
        why = (f"{takes[0]}; which is the newest is not known while the index is away",
               f"{takes[1]}；索引不可用，无法得知最新的分段")  # fmt: skip
        return [_one("segments", UNKNOWN, _joined(head, why), _fix(seen.unknown))]
    if not seen.newest:
        why = (f"{takes[0]}, and has none yet", f"{takes[1]}，尚无分段")
        return [_one("segments", OK, _joined(head, why))]
    why = (f"{takes[0]}, and has the newest ({seen.newest})",
           f"{takes[1]}，最新的分段（{seen.newest}）在")  # fmt: skip
    return [_one("segments", OK, _joined(head, why))]


def index(seen: Index) -> list[Finding]:
    """It answers, and accounts for all that the ledger has signed."""
    head = (f"{seen.target}: {seen.place}", f"{seen.target}：{seen.place}")
    if seen.away:
        if seen.away.passes:  # it names the place itself
            words = (f"{seen.target}: no answer: {seen.away.en}",
                     f"{seen.target}：无应答：{seen.away.zh}")  # fmt: skip
        else:
            words = (f"{seen.target}: {seen.away.en}", f"{seen.target}：{seen.away.zh}")
        return [_one("archive_index", FAIL, words, _fix(seen.away, _SAFE))]
    if seen.entries is None:
        if seen.signed:
            return [_behind(head, 0, seen.signed)]
        return [_one("archive_index", NONE, _joined(head, ("nothing archived yet", "尚未归档")))]
    if seen.signed is not None and seen.entries < seen.signed:
        return [_behind(head, seen.entries, seen.signed)]
    entries = plural(seen.entries, "entry", "entries")
    words = (f"{entries} of the ledger accounted for, none behind what is signed",
             f"已记入账本的 {seen.entries:,} 条，不落后于已签名的部分")  # fmt: skip
    return [_one("archive_index", OK, _joined(head, words))]


def _behind(head: tuple[str, str], entries: int, signed: int) -> Finding:
    words = (f"{signed - entries:,} of {signed:,} signed entries of the ledger are not in it",
             f"已签名的 {signed:,} 条中有 {signed - entries:,} 条不在其中")  # fmt: skip
    fix = ("mingjian deliver takes the newest in from the segments when it starts; where the index"
           " is gone, or of an older copy: mingjian archive rebuild",
           "mingjian deliver 启动时会从分段补入最新的；若索引已丢失或是旧副本："
           "mingjian archive rebuild")  # fmt: skip
    return _one("archive_index", FAIL, _joined(head, words), fix)


def keys(seen: TenantKeys) -> list[Finding]:
    """Every version that something was sealed with is here and is the right one."""
    name = (seen.target, seen.target)
    if seen.needed is None:
        return [_one("tenant_keys", NONE, _joined(name, ("nothing archived yet", "尚未归档")))]
    if seen.faults:
        first, more = seen.faults[0], len(seen.faults) - 1
        also = (f"; and {more} more", f"；另有 {more} 个") if more else ("", "")
        words = (f"{first.en}{also[0]}", f"{first.zh}{also[1]}")
        see = ("see `mingjian archive keys check`", "见 `mingjian archive keys check`")
        return [_one("tenant_keys", FAIL, _joined(name, words), _fix(first, see))]
    versions = ", ".join(map(str, sorted(seen.needed)))
    used = _used(list(seen.needed.values()))
    words = (f"version {versions} is here, needed by {used[0]}",
             f"第 {versions} 版在（{used[1]}需要）")  # fmt: skip
    if len(seen.needed) > 1:
        words = (f"versions {versions} are here, needed by {used[0]}", words[1])
    if seen.untried:
        tried = ("; not tried, because what they sealed cannot be read now",
                 "；所封装的内容暂不可读，未试开")  # fmt: skip
    else:
        tried = (", and opens them" if len(seen.needed) == 1 else ", and open them", "，可以打开")
    words = (words[0] + tried[0], words[1] + tried[1])
    return [_one("tenant_keys", OK, _joined(name, words))]


def rights(seen: Rights) -> list[Finding]:
    """Who may do what is said where nobody can say it for themselves."""
    name = (seen.target, seen.target)
    if seen.wrong:
        words = ("nobody is let in: ", "任何人都不能使用：")
        told = (f"{words[0]}{seen.wrong.en}", f"{words[1]}{seen.wrong.zh}")
        return [_one("access", FAIL, _joined(name, told), _fix(seen.wrong))]
    if seen.open:
        why = ("nobody is told apart (access.open), which is for trying out",
               "不区分人员（access.open），仅供试用")  # fmt: skip
        return [_one("access", WARN, _joined(name, why), _NAME_PEOPLE)]
    if not seen.people:
        why = ("nobody is named, so nobody can look into it", "未指定人员，无人可以查看")
        return [_one("access", NONE, _joined(name, why), _NAME_PEOPLE)]
    people = plural(seen.people, "person", "people")
    if not seen.beside_keys:
        why = (f"{people} named in the settings, where whoever"
               " may give their own --config can name themselves",
               f"由配置指定 {seen.people} 人；可自行指定 --config 的人可以给自己授权")  # fmt: skip
        run = "mingjian archive access --apply --why …"
        fix = (f"let an administrator put it beside the keys: {run}",
               f"请系统管理员改由密钥目录决定：{run}")  # fmt: skip
        return [_one("access", WARN, _joined(name, why), fix)]
    why = (f"{people} named beside the keys",
           f"由密钥目录指定 {seen.people} 人")  # fmt: skip
    return [_one("access", OK, _joined(name, why))]


def _used(uses: list[Use]) -> tuple[str, str]:
    """What needs the versions, in both languages."""
    segments, files = sum(one.segments for one in uses), sum(one.files for one in uses)
    en = [f"{segments:,} segment{'' if segments == 1 else 's'}"] if segments else []
    zh = [f"{segments:,} 个分段"] if segments else []
    if files:
        en.append(f"{files:,} file{'' if files == 1 else 's'}")
        zh.append(f"{files:,} 个文件")
    if any(one.search for one in uses):
        en.append("the search key")
        zh.append("检索密钥")
    return " and ".join(filter(None, (", ".join(en[:-1]), en[-1]))), "、".join(zh)


def ledger(seen: Ledger, now: int) -> list[Finding]:
    """A head was signed lately, as far as there was something to sign, and stamped."""
    name = (seen.target, seen.target)
    if seen.wrong:
        words = (seen.wrong.en, seen.wrong.zh)
        see = ("see `mingjian ledger verify`", "见 `mingjian ledger verify`")
        return [_one("ledger", FAIL, _joined(name, words), _fix(seen.wrong, see))]
    if not seen.size:
        return [_never_signed(seen, name)]
    age = max(0, now - seen.at)
    state, fix = OK, ("", "")
    en = f"head of {plural(seen.size, 'entry', 'entries')}, signed {span_en(age)} ago"
    zh = f"账本头含 {seen.size:,} 条，{span_zh(age)}前签名"
    waiting = (seen.entries or 0) - seen.size
    if waiting > 0:
        en += f", {waiting:,} not signed yet"
        zh += f"，另有 {waiting:,} 条尚未签名"
        if age > seen.sign_ms + _UNSIGNED_MS:
            state = FAIL if age > seen.sign_ms + _LONG_MS else WARN
            fix = ("see the log of `mingjian deliver`: it signs", "见 `mingjian deliver` 的日志")
    findings = [_one("ledger", state, (en, zh), fix), _looked_at(seen)]
    findings += [_stamp(one, seen, now) for one in seen.stamps]
    if not seen.stamps:
        findings.append(_one("ledger", OK, ("no authority is set to stamp it", "未设置时间戳机构")))
    grave = worst(findings)
    about = next(one for one in findings if one.state == grave)
    words = ("; ".join(one.en for one in findings), "；".join(one.zh for one in findings))
    return [_one("ledger", grave, _joined(name, words), (about.fix_en, about.fix_zh))]


def books(seen: list[Book]) -> list[Finding]:
    """Every line of the books is what was written, as far as chain and ledger say."""
    found = []
    for one in seen:
        name = (f"{one.target}: {one.file}", f"{one.target}：{one.file}")
        if one.wrong:
            words = (f"{one.target}: {one.wrong.en}", f"{one.target}：{one.wrong.zh}")
            see = (
                "until then nothing is done that has to be written there; messages go on being"
                " archived, and what is behind the damage is not entered in the ledger",
                "修复之前，凡须记入其中的操作都不进行；消息照常归档，损坏之后的行不登入账本",
            )
            found.append(_one("custody", FAIL, words, _fix(one.wrong, see)))
        elif not one.lines:
            found.append(_one("custody", NONE, _joined(name, ("no line yet", "尚无记录"))))
        else:
            waiting = max(0, one.lines - one.entered)
            en = f"{plural(one.lines, 'line')}, an unbroken chain"
            zh = f"{one.lines:,} 行，链条完整"
            if one.renewed:
                en = (
                    f"lines {one.renewed:,} to {one.lines:,}, an unbroken chain; the book before"
                    " was damaged and is kept: see mingjian archive custody"
                )
                zh = (
                    f"第 {one.renewed:,} 至 {one.lines:,} 行，链条完整；此前的一本曾损坏，已另存："
                    "见 mingjian archive custody"
                )
            if waiting:
                en += f"; {waiting:,} not in the ledger yet"
                zh += f"；{waiting:,} 行尚未登入账本"
            found.append(_one("custody", OK, _joined(name, (en, zh))))
    return found


def _looked_at(seen: Ledger) -> Finding:
    """How much of it is known to be what was signed, and nothing beyond that."""
    if seen.looked_at == seen.size:
        words = (
            f"all {seen.size:,} entries and the newest head were checked (earlier heads: mingjian"
            " ledger verify)",
            f"已核查全部 {seen.size:,} 条与最新的签名头（更早的签名头：mingjian ledger verify）",
        )
    else:
        words = (
            f"the newest {seen.looked_at:,} of {seen.size:,} entries and the newest head were"
            " checked (all: mingjian ledger verify)",
            f"已核查 {seen.size:,} 条中最新的 {seen.looked_at:,} 条与最新的签名头"
            "（全部：mingjian ledger verify）",
        )
    return _one("ledger", OK, words)


def _never_signed(seen: Ledger, name: tuple[str, str]) -> Finding:
    if seen.entries:
        words = (f"no signed head, and {seen.entries:,} entries are accounted for",
                 f"没有已签名的账本头，而已记入 {seen.entries:,} 条")  # fmt: skip
        fix = ("right after the first messages wait a minute; else the folder `ledger` of the"
               " archive's path is gone: restore it from its copy",
               "刚开始归档请等一分钟；否则 path 下的 ledger 目录已丢失，请从副本恢复")  # fmt: skip
        return _one("ledger", WARN, _joined(name, words), fix)
    return _one("ledger", NONE, _joined(name, ("nothing signed yet", "尚未签名")))


def _stamp(one: Stamped, seen: Ledger, now: int) -> Finding:
    ask = ("mingjian ledger stamp", "mingjian ledger stamp")
    if one.wrong:
        words = (f"the newest stamp of {one.authority} proves nothing: {one.wrong.en}",
                 f"{one.authority} 最新的时间戳无法证明：{one.wrong.zh}")  # fmt: skip
        return _one("ledger", FAIL, words, _fix(one.wrong, ask))
    if not one.size:
        words = (f"never stamped by {one.authority}", f"从未由 {one.authority} 盖时间戳")
        return _one("ledger", WARN, words, ask)
    late = one.size < seen.size and now - one.at > _LATE_STAMPS * seen.stamps_ms
    age = max(0, now - one.at)
    words = (f"{one.authority} stamped the {one.size:,} entries of {span_en(age)} ago",
             f"{one.authority} 已为 {span_zh(age)}前的 {one.size:,} 条盖时间戳")  # fmt: skip
    return _one("ledger", WARN if late else OK, words, ask if late else ("", ""))


def _one(
    check: str, state: str, words: tuple[str, str], fix: tuple[str, str] = ("", "")
) -> Finding:
    return Finding(check, state, *words, *fix)


def _joined(head: tuple[str, str], words: tuple[str, str]) -> tuple[str, str]:
    return f"{head[0]}: {words[0]}", f"{head[1]}：{words[1]}"


def _told(head: tuple[str, str], why: tuple[str, str], trouble: Trouble) -> tuple[str, str]:
    """The trouble names the place where it knows it."""
    place = head[0].partition(": ")[2]
    named = trouble.en.startswith(place)
    en = trouble.en.removeprefix(f"{place}: ") if named else trouble.en
    zh = trouble.zh.removeprefix(f"{place}: ") if named else trouble.zh
    return _joined(head, (f"{why[0]}: {en}", f"{why[1]}：{zh}"))


def _fix(trouble: Trouble, more: tuple[str, str] = ("", "")) -> tuple[str, str]:
    en = "; ".join(filter(None, (trouble.fix_en, more[0])))
    zh = "；".join(filter(None, (trouble.fix_zh, more[1])))
    return en, zh
