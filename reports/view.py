"""What the report shows, worked out from a bundle: the template only lays it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports.case import ALERT, MEMBER, PERSON, Bundle, Finding, Item, by_weight, moment
from reports.matches import Matches
from reports.people import People
from reports.pieces import Whole, plain
from reports.reasons import why_of
from reports.rows import Rows, hits_of
from reports.rule_text import without_tests
from reports.rule_titles import called
from reports.timeline import axis
from reports.words import LEVELS, SEVERITIES, STATE_TEXTS, STATES, Words
from rules.alert import RETRACTED

MOST_DRAWN = 300  # records that are drawn; what is beyond is for records.html and events.jsonl
MOST_ALERTS = 20  # alerts that are told whole; the others stand in the list alone
MOST_LISTED = 300
MOST_HITS = 60  # of one alert
# fields an alert leaves out where they are empty (rules.alert.Alert)
_OMITTED: dict[str, Any] = {"window_start": 0, "counterparties": [], "hits": [], "flags": []}


def view(bundle: Bundle, signer: dict[str, Any]) -> dict[str, Any]:
    """Variables of templates/report.html.j2 but for the case's number and the pack's name. `whole`:
    whether every record is drawn."""
    request, subject = bundle.request, bundle.subject
    words = Words(request.language)
    people = People(bundle, words)
    findings = by_weight(bundle.findings)
    matches = Matches(findings, words)
    rows = Rows(bundle, people, words, matches)
    drawn = _drawn(bundle.items, rows)
    hits = hits_of(bundle.alerts)
    alerts = [_alert(one, bundle, people, rows, words) for one in findings[:MOST_ALERTS]]
    times = [one["first_time"] for one in bundle.alerts] + [one["time"] for one in bundle.alerts]
    level = max((int(one["rule"]["response"]) for one in bundle.alerts), default=0)
    return {
        "t": words,
        "language": request.language,
        "kind": subject.kind,
        "title": _title(bundle, people, words),
        "company": request.company,
        "level": level,
        "level_text": words.of(LEVELS[level]),
        "subject": _subject(bundle, people, words),
        "start": subject.since or min(times, default=0),
        "end": subject.until - 1 if subject.until else max(times, default=0),
        "alerts": alerts,
        "list": [_listed(one, people, words) for one in findings[:MOST_LISTED]],
        "count": len(bundle.findings),
        "rules": _rules(bundle.findings, words, matches),
        "people": people.rows(),
        "conversations": rows.conversations(drawn, hits),
        "timeline": rows.timeline(drawn, hits),
        "axis": axis(
            [item for item in bundle.items if subject.since or rows.near(item)], people.right
        ),
        "deeds": rows.deeds(drawn),
        "devices": rows.devices(),
        "digests": rows.digests(drawn, bundle.ledger),
        "whole": len(drawn) == len(bundle.items),
        "records": len(bundle.items),
        "drawn": len(drawn),
        "completeness": bundle.completeness,
        "custody": bundle.custody,
        "ledger": bundle.ledger,
        "media": bundle.media,
        "redacted": sorted(request.redact),
        "signer": signer,
        "request": request,
        "moment": moment,
        "unmask": request.unmask,
    }


def _drawn(items: Sequence[Item], rows: Rows) -> list[Item]:
    """The records that are drawn: all where they are few, else members and what is near them."""
    if len(items) <= MOST_DRAWN:
        return list(items)
    weight = {
        item.number: (item.role != MEMBER, not rows.near(item), item.number) for item in items
    }
    chosen = sorted(items, key=lambda item: weight[item.number])[:MOST_DRAWN]
    return sorted(chosen, key=lambda item: item.number)


def _alert(
    finding: Finding, bundle: Bundle, people: People, rows: Rows, words: Words
) -> dict[str, Any]:
    alert = {**_OMITTED, **finding.alert}
    ids = {member["msgid"] for member in alert["members"]}
    members = [item for item in bundle.items if item.message.msgid in ids]
    hits = rows.hits(hits_of([alert]), members, alert["rule"]["digest"])
    others = {key: rows_ for key, rows_ in hits_of(bundle.alerts).items() if key in ids}
    state, level = alert["response_state"], int(alert["rule"]["response"])
    listed = len(alert["members"])
    return {
        **alert,
        "called": called(alert["rule"], words),
        "actor": people.label(alert["actor"]),
        "lead": plain(alert["summary"], unmask=bundle.request.unmask),
        "state": words.of(STATES[state]),
        "state_text": words.of(STATE_TEXTS[state]),
        "standing": rows.standing(alert),
        "level": level,
        "level_text": words.of(LEVELS[level]),
        "severity": _severity(str(alert["rule"]["level"]), words),
        "listed": listed,
        "beyond": alert["count"] - listed,
        "hits": hits[:MOST_HITS],
        "why": why_of(finding, members, others, words, unmask=bundle.request.unmask),
        "more_hits": max(0, len(hits) - MOST_HITS),
        "numbers": [item.number for item in members],
    }


def _listed(finding: Finding, people: People, words: Words) -> dict[str, Any]:
    alert = finding.alert
    return {
        "id": alert["alert_id"],
        "time": alert["time"],
        "rule": alert["rule"],
        "called": called(alert["rule"], words),
        "level": int(alert["rule"]["response"]),
        "level_text": words.of(LEVELS[int(alert["rule"]["response"])]),
        "actor": people.name(alert["actor"]),
        "count": alert["count"],
        "retracted": alert["status"] == RETRACTED,
    }


def _rules(findings: Sequence[Finding], words: Words, matches: Matches) -> list[dict[str, Any]]:
    """Each rule once, with what it is founded on and its text."""
    found: dict[str, dict[str, Any]] = {}
    for one in findings:
        ref = one.alert["rule"]
        text, cases = without_tests(one.rule.text)
        found.setdefault(
            ref["digest"],
            {
                **ref,
                "called": called(ref, words),
                "expressions": matches.expressions(ref["digest"]),
                "ruleset": one.alert["ruleset"],
                "legal": one.rule.legal,
                "text": Whole(text),
                "cases": cases,
                "severity": _severity(str(ref["level"]), words),
                "level_text": words.of(LEVELS[int(ref["response"])]),
            },
        )
    return list(found.values())


def _severity(level: str, words: Words) -> str:
    """A rule's level, with the word the rule itself uses."""
    if words.language == "zh" and level in SEVERITIES:
        return f"{SEVERITIES[level][1]}（{level}）"
    return words.of(SEVERITIES.get(level), level)


def _title(bundle: Bundle, people: People, words: Words) -> str:
    subject, count = bundle.subject, len(bundle.findings)
    if subject.kind == ALERT:
        return called(bundle.findings[0].alert["rule"], words)
    if subject.kind == PERSON:
        name = people.label(subject.id)
        return words(f"Conversations and alerts of {name}", f"{name} 的会话与告警")
    alerts = words.many(count, "alert", "%d 条告警")
    return words(f"Case {subject.id}: {alerts}", f"案件 {subject.id}：{alerts}")


def _subject(bundle: Bundle, people: People, words: Words) -> str:
    if bundle.subject.kind == PERSON:
        return people.label(bundle.subject.id)
    actors = list(dict.fromkeys(one["actor"] for one in bundle.alerts))
    return words.listed([people.label(one) for one in actors])
