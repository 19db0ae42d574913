"""Channels of the settings."""

from __future__ import annotations

from pathlib import Path

from config.channels import Channel
from sinks.channels.http import Webhook, WecomRobot
from sinks.channels.mail import Mail
from sinks.channels.message import Sender
from sinks.channels.policy import Policy
from sinks.channels.sink import ChannelSink
from sinks.channels.syslog import Syslog


def sender_of(channel: Channel) -> Sender:
    """What speaks to the channel; nothing is connected yet."""
    name, url, ca_certs = channel.name, channel.address(), channel.ca_certs
    if channel.kind == "webhook":
        return Webhook(name, url, channel.secret("SECRET"), ca_certs=ca_certs)
    if channel.kind == "wecom_robot":
        return WecomRobot(name, url, ca_certs=ca_certs)
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


def sink_of(channel: Channel, folder: Path) -> ChannelSink:
    """The channel as a target; its outbox stands in `folder`."""
    policy = Policy(
        min_response=channel.min_response,
        per_minute=channel.per_minute,
        group_s=channel.group_s,
        quiet=channel.hours(),
        quiet_response=channel.quiet_response,
    )
    return ChannelSink(
        channel.name,
        sender_of(channel),
        policy,
        folder / f"{channel.name}.outbox.db",
        language=channel.language,
    )
