"""Rows of the report's table of devices and addresses, in its language."""

from __future__ import annotations

from typing import Any

from reports import devices
from reports.case import Bundle
from reports.people import People
from reports.pieces import plain
from reports.words import Words


def device_row(row: dict[str, Any], bundle: Bundle, people: People, say: Words) -> dict[str, Any]:
    """What the report shows of a row of device.json."""
    shown: dict[str, Any] = {"record": 0, "time": 0}
    shown |= {key: say.of(_FACTS.get(str(value)), value) for key, value in row.items()}
    shown["about"] = say.of(devices.TYPES.get(row["about"]), shown["about"])
    shown["source"] = say.of(devices.SOURCES.get(row["source"]), shown["source"])
    shown["who"] = people.name(row.get("actor", ""))
    told = row.get("detail", "")
    if told and row.get("record"):  # device.json has it in Chinese
        event = bundle.items[row["record"] - 1].message
        told = devices.detail(event, chinese=say.language == "zh")
    shown["detail"] = plain(told, unmask=bundle.request.unmask)
    parts = [part.partition(" ") for part in shown["device"].split(", ")]
    shown["device"] = say(", ", "，").join(
        f"{say.of(_DEVICE_PARTS[name])} {value}"
        if name in _DEVICE_PARTS
        else name + between + value
        for name, between, value in parts
    )
    for key in ("ip", "ip_granularity", "device", "device_granularity"):
        shown[f"no_{key}"] = row[key] == devices.NOT_AVAILABLE
    return shown


_FACTS = {
    devices.NOT_AVAILABLE: ("not available", "不可得"),
    "network /24, masked by WeCom": (
        "network (the last part is hidden by WeCom)",
        "网段级（末段由企业微信隐去）",
    ),
    "full address": ("full address", "完整地址"),
    "one device, by WeCom's device code": (
        "one device (WeCom's device code)",
        "单台设备（企业微信设备编号）",
    ),
    "kind of device only": ("kind of device only", "仅设备类别"),
    "archived messages": ("archived messages", "会话消息本身"),
    "trusted device list": ("trusted device list", "可信设备台账"),
    "WeCom session archive": ("WeCom session archive", "企业微信会话存档"),
    "WeCom trusted devices (MAC, board, disk)": (
        "WeCom trusted devices (MAC, board, disk)",
        "可信设备（MAC、主板、硬盘）",
    ),
    "WeCom does not record the device or the network address of a message": (
        "archived messages carry neither device nor address",
        "存档消息不携带设备与地址",
    ),
    "not collected: this installation does not read that list": (
        "not collected: this system does not read that list",
        "未采集：系统未接入该台账",
    ),
    "same person, near in time; does not show what a message was sent from": ("", ""),
}
_DEVICE_PARTS = {"type": ("type", "类别"), "code": ("code", "编号"), "system": ("system", "系统")}
