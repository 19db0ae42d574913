"""`make demo`: a generated day through the real job to alerts, an index and a signed pack."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rich.panel import Panel
from rich.table import Table

from config.settings import Settings, load
from ingest import simulate
from ingest.simulate.compare import Comparison, compare
from ingest.simulate.run import Parameters, Run
from ingest.simulate.write import Files, write
from jobs.cli.app import err, language, out, report, say
from jobs.cli.detect import ProgressLine
from rules.errors import MingjianError
from rules.zone import SHANGHAI
from sinks.base import AlertReader
from sinks.readers import open_reader

HOME = Path("var/demo")
SETTINGS = HOME / "settings.yaml"
_PROFILE = f"""\
# Written by `make demo`; any command takes it: mingjian alerts list --config {SETTINGS}
profile: embedded
tenant: demo
tenant_name: 明鉴示范咨询有限公司
data_dir: {HOME}
keys_dir: {HOME}/keys
source: {{kind: files, path: {HOME}/messages}}
outputs: {{kind: files, path: {HOME}/outputs}}
rules: {{registry: {HOME}/rulesets}}
flink: {{parallelism: 2, checkpoint_interval_ms: 1000, bundle_time_ms: 50}}
targets:
  - {{kind: sqlite, name: sqlite, path: {HOME}/index.db}}
"""
STYLES = {0: "dim", 1: "cyan", 2: "yellow", 3: "bold red"}
WORST = 3


def main() -> int:
    """Run the demo; 0 when every planted case was found and nothing else alerted."""
    started = time.monotonic()
    try:
        return _demo(started)
    except MingjianError as error:
        report(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130


def _demo(started: float) -> int:
    HOME.mkdir(parents=True, exist_ok=True)
    SETTINGS.write_text(_PROFILE, encoding="utf-8")
    settings = load(path=SETTINGS)
    _step(1, "a day of WeCom traffic", "一天的企业微信会话")
    truth = _messages(Path(settings.source.path))
    _step(2, "the PyFlink job", "PyFlink 检测作业")
    figures = _detect(settings)
    _step(3, "alerts and evidence", "告警与证据")
    reader = open_reader(settings)
    alerts, _ = reader.alerts(limit=100_000)
    compared = compare(truth, alerts)
    _summary(alerts, reader, figures, compared)
    _step(4, "evidence pack", "证据包")
    pdf, archive = _pack(settings, alerts)
    _closing(settings, pdf, archive, compared, time.monotonic() - started)
    return 0 if compared.holds else 1


def _step(number: int, en: str, zh: str) -> None:
    err.print(f"\n[bold magenta]{number}/4[/] [bold]{say(en, zh)}[/]")


def _messages(folder: Path) -> list[dict[str, Any]]:
    """Generate the default day unless the same one is there already; returns its truth."""
    parameters, stamp = Parameters(), folder / "made-with.txt"
    wanted = f"{parameters!r} {_simulator()}"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        summary = write(Run(parameters), Files(folder, 2, False, None), 0)
        stamp.write_text(wanted, encoding="utf-8")
        made = f"{summary.messages:,} + {summary.events:,}"
        err.print(
            say(
                f"  generated {made} messages and events in {summary.seconds:.1f} s → {folder}",
                f"  生成消息与事件 {made} 条，用时 {summary.seconds:.1f} 秒 → {folder}",
            )
        )
    else:
        err.print(say(f"  already there: {folder}", f"  已存在：{folder}"))
    lines = (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def _simulator() -> str:
    """Digest of the simulator's code: another simulator makes another day."""
    digest = hashlib.sha256()
    for file in sorted(Path(simulate.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _detect(settings: Settings) -> dict[str, float]:
    """Run the job with the deliverer beside it, then deliver what is left."""
    from jobs import deliver  # noqa: PLC0415
    from jobs.detect import run  # noqa: PLC0415

    shutil.rmtree(settings.outputs.path, ignore_errors=True)
    for file in HOME.glob("index.db*"):
        file.unlink()
    Path(settings.outputs.path).mkdir(parents=True)
    stop = threading.Event()
    beside = threading.Thread(
        target=deliver.run, args=(settings,), kwargs={"once": False, "stop": stop}, daemon=True
    )
    beside.start()
    try:
        with ProgressLine(settings.limits) as line:
            done = run(settings, on_progress=line.show)
    finally:
        stop.set()
        beside.join()
    deliver.run(settings, once=True)
    records = sum(
        path.read_bytes().count(b"\n")
        for path in Path(settings.source.path).glob("messages*.jsonl")
    )
    return {"records": records, "start": done.start_seconds, "run": done.run_seconds}


def _summary(
    alerts: list[dict[str, Any]],
    reader: AlertReader,
    figures: dict[str, float],
    compared: Comparison,
) -> None:
    counts = Counter(alert["rule"]["name"] for alert in alerts)
    rules = {alert["rule"]["name"]: alert["rule"] for alert in alerts}
    table = Table(title=say("Alerts by rule", "各规则告警"), title_justify="left", expand=False)
    for en, zh in (("item", "条目"), ("rule", "规则"), ("level", "级别"), ("response", "响应")):
        table.add_column(say(en, zh), no_wrap=True)
    table.add_column(say("alerts", "告警数"), justify="right")
    for name in sorted(rules, key=lambda key: (-rules[key]["response"], key)):
        rule = rules[name]
        style = STYLES[rule["response"]]
        table.add_row(
            rule["item"],
            rule["title"],
            f"[{style}]{rule['level']}[/]",
            f"[{style}]{rule['response']}[/]",
            str(counts[name]),
        )
    out.print(table)
    for alert in _worst(alerts):
        out.print(_panel(alert))
    stored = reader.counts()
    set_aside = sum(stored["quarantine"].values())
    rate = figures["records"] / figures["run"] if figures["run"] else 0
    out.print(
        say(
            f"{figures['records']:,.0f} records judged in {figures['run']:.1f} s"
            f" ({rate:,.0f}/s, worker start included; Flink itself took {figures['start']:.1f} s),"
            f" {len(alerts)} alerts, {stored['evidence']} pieces of evidence,"
            f" {set_aside} quarantined, {stored['late']} late",
            f"判定 {figures['records']:,.0f} 条，用时 {figures['run']:.1f} 秒"
            f"（每秒 {rate:,.0f} 条，含工作进程启动；Flink 启动另用 {figures['start']:.1f} 秒）；"
            f"告警 {len(alerts)}，证据 {stored['evidence']}，"
            f"隔离 {set_aside}，迟到 {stored['late']}",
        )
    )
    good = compared.planted - len(compared.missed)
    style = "green" if compared.holds else "bold red"
    out.print(
        f"[{style}]"
        + say(
            f"planted cases found: {good} of {compared.planted};"
            f" alerts at level 2 or above that nobody planted: {len(compared.unexpected)}",
            f"预埋案例命中 {good}/{compared.planted}；"
            f"二级及以上的意外告警 {len(compared.unexpected)}",
        )
        + "[/]"
    )
    for case in compared.missed:
        out.print(f"  [red]{say('missed', '漏报')}[/] {case['rule']} {case['note']}")
    for alert in compared.unexpected:
        out.print(
            f"  [red]{say('unexpected', '意外')}[/] {alert['rule']['name']} {alert['summary']}"
        )


def _worst(alerts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The worst alerts, of different rules first, so that three of them tell three stories."""
    ranked = sorted(
        alerts, key=lambda a: (-a["rule"]["response"], not a.get("conversation"), a["time"])
    )
    first_of_rule = {alert["rule"]["name"]: alert for alert in reversed(ranked)}
    leaders = [alert for alert in ranked if first_of_rule[alert["rule"]["name"]] is alert]
    return [*leaders, *(alert for alert in ranked if alert not in leaders)][:WORST]


def _panel(alert: dict[str, Any]) -> Panel:
    when = dt.datetime.fromtimestamp(alert["time"] / 1000, SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
    rule = alert["rule"]
    why = (
        f"{rule['item']} {rule['title']}（{rule['name']} v{rule['version']}）"
        f" · {alert['count']} {say('messages', '条消息')}"
    )
    facts = Table.grid(padding=(0, 2))
    for title, value in (
        (say("who", "谁"), alert["actor"]),
        (say("what", "何事"), alert["summary"]),
        (say("why", "依据"), why),
        (say("when", "何时"), f"{when}   [dim]{alert['alert_id']}[/]"),
    ):
        facts.add_row(f"[bold]{title}[/]", value)
    style = STYLES[rule["response"]]
    return Panel(
        facts,
        title=f"[{style}]{say('response', '响应')} {rule['response']} · {rule['level']}[/]",
        title_align="left",
        border_style=style,
    )


def _pack(settings: Settings, alerts: list[dict[str, Any]]) -> tuple[Path, Path]:
    from jobs.packs import Wish, make_pack  # noqa: PLC0415
    from reports.case import ALERT, Subject  # noqa: PLC0415

    if not alerts:
        raise MingjianError("there is no alert to pack", "没有可出证据包的告警")
    wish = Wish(
        folder=HOME / "packs",
        reason=say("demonstration", "产品演示"),
        created_at=int(time.time() * 1000),
        language=language(),
    )
    worst = _worst(alerts)[0]["alert_id"]
    made = make_pack(settings, Subject(ALERT, worst), wish, alerts=[worst])
    return made.pdf, made.archive


def _closing(
    settings: Settings, pdf: Path, archive: Path, compared: Comparison, seconds: float
) -> None:
    rows = (
        (say("evidence pack (PDF)", "证据包 PDF"), pdf),
        (say("evidence pack (ZIP)", "证据包 ZIP"), archive),
        (say("evidence index", "证据索引"), settings.targets[0].path),
        (say("job outputs", "作业输出"), settings.outputs.path),
    )
    for name, path in rows:
        out.print(f"  {name}  [bold]{path}[/]", soft_wrap=True)
    out.print(
        f"  {say('next', '接着可以')}  .venv/bin/mingjian report verify {archive}"
        f" --config {SETTINGS}\n"
        f"            .venv/bin/mingjian alerts list --config {SETTINGS}\n"
        f"            .venv/bin/mingjian report pack --alert worst --config {SETTINGS}",
        style="dim",
        soft_wrap=True,
    )
    mark = "[green]✓[/]" if compared.holds else "[red]✗[/]"
    out.print(f"{mark} {say(f'demo done in {seconds:.0f} s', f'演示完成，共 {seconds:.0f} 秒')}")


if __name__ == "__main__":
    sys.exit(main())
