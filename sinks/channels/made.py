"""Channels of the settings."""

from __future__ import annotations

from pathlib import Path

from config.channels import Channel
from sinks.channels.http import Webhook, WecomRobot
from sinks.channels.mail import Mail
from sinks.channels.message import Sender
from sinks.channels.outbox_look import Untold, look
from sinks.channels.policy import Policy
from sinks.channels.sink import ChannelSink
from sinks.channels.syslog import Syslog

_HOUR_S = 3600


def sender_of(channel: Channel) -> Sender:
    """What speaks to the channel; nothing is connected yet."""
    name, url, ca_certs = channel.name, channel.address(), channel.ca_certs
    if channel.kind == "webhook":
        secret, token = channel.secret("SECRET"), channel.secret("TOKEN")
        return Webhook(name, url, secret, token=token, ca_certs=ca_certs)
    if channel.kind == "wecom_robot":
        called, response = channel.mention, channel.mention_response
        return WecomRobot(name, url, mention=called, mention_response=response, ca_certs=ca_certs)
    if channel.kind == "syslog":
        return Syslog(name, url, ca_certs=ca_certs)
    return Mail(
        name,
        url,
        channel.sender,
        channel.to,
        username=channel.username,
        password=channel.secret("PASSWORD"),
        ca_certs=ca_certs,
    )


def policy_of(channel: Channel) -> Policy:
    """When it may be used."""
    return Policy(
        min_response=channel.min_response,
        max_age_s=channel.max_age_h * _HOUR_S,
        incidents=channel.incidents,
        per_minute=channel.per_minute,
        group_by=channel.group_by,
        group_s=channel.group_s,
        quiet=channel.hours(),
        quiet_response=channel.quiet_response,
        zone=channel.zone,
    )


def sink_of(channel: Channel, folder: Path) -> ChannelSink:
    """The channel as a target; its outbox stands in `folder`."""
    return ChannelSink(
        channel.name,
        sender_of(channel),
        policy_of(channel),
        _outbox(channel, folder),
        language=channel.language,
    )


def untold(channel: Channel, folder: Path, now: float) -> Untold:
    """What stands in its outbox at `now` (UTC seconds). Raises sqlite3.Error."""
    return look(_outbox(channel, folder), policy_of(channel), now)


def _outbox(channel: Channel, folder: Path) -> Path:
    return folder / f"{channel.name}.db"
