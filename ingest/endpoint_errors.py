"""What the HTTP endpoint answers when it does not take a request: in both languages, with what to
do, and never with a word of what was sent."""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    """An answer: status, what was wrong and what to do, in English and Chinese."""

    status: int
    en: str
    zh: str
    fix_en: str
    fix_zh: str


ANSWERS: dict[str, Said] = {
    "no_token": Said(
        401,
        "no valid token",
        "缺少有效的令牌",
        "send the header 'Authorization: Bearer TOKEN' with a token of MINGJIAN_INGEST_TOKEN",
        "请在请求头 Authorization 中以 Bearer 方式提供 MINGJIAN_INGEST_TOKEN 里的令牌",
    ),
    "media_type": Said(
        415,
        "this Content-Type is not taken",
        "不支持此 Content-Type",
        "send application/x-ndjson (a record a line) or application/json (an object, or an array)",
        "请用 application/x-ndjson（一行一条）或 application/json（一个对象或数组）",
    ),
    "encoding": Said(
        415,
        "this Content-Encoding is not taken",
        "不支持此 Content-Encoding",
        "send gzip, or no Content-Encoding",
        "请用 gzip，或不带 Content-Encoding",
    ),
    "too_large": Said(
        413,
        "the body is larger than ingest.request_bytes, or unpacks to more than"
        " ingest.unpacked_bytes",
        "请求体超过 ingest.request_bytes，或解压后超过 ingest.unpacked_bytes",
        "send fewer records a request",
        "请减少每次请求的记录数",
    ),
    "too_many_records": Said(
        413,
        "more records than ingest.request_records",
        "记录数超过 ingest.request_records",
        "send fewer records a request",
        "请减少每次请求的记录数",
    ),
    "too_many_members": Said(
        413,
        "the gzip body has more than 1,000 members",
        "gzip 请求体的成员超过 1,000 个",
        "pack the whole body at once; nothing of it was taken",
        "请将整个请求体一次压缩；本次未采集任何记录",
    ),
    "not_gzip": Said(
        400,
        "the body is not valid gzip, or not all of it",
        "请求体不是有效的 gzip，或不完整",
        "pack it again and send it whole; nothing of it was taken",
        "请重新压缩并完整发送；本次未采集任何记录",
    ),
    "not_json": Said(
        400,
        "the body is neither a JSON object nor an array",
        "请求体既不是 JSON 对象，也不是数组",
        "send an object, an array, or with application/x-ndjson a record a line; nothing of it was"
        " taken",
        "请发送对象或数组，或用 application/x-ndjson 一行一条；本次未采集任何记录",
    ),
    "too_slow": Said(
        408,
        "the body did not come within ingest.request_seconds",
        "未在 ingest.request_seconds 内收到完整请求体",
        "send smaller requests, or look at the network; nothing of it was taken",
        "请减小请求，或检查网络；本次未采集任何记录",
    ),
    "too_many_requests": Said(
        429,
        "ingest.requests are worked on already",
        "同时处理的请求已达 ingest.requests",
        "send the same again after Retry-After",
        "请在 Retry-After 之后原样重发",
    ),
    "away": Said(
        503,
        "the records cannot be written now",
        "记录暂时无法写入",
        "send the same again after Retry-After: what is there already is not taken twice",
        "请在 Retry-After 之后原样重发：已写入的不会重复计入",
    ),
    "unwritable": Said(
        503,
        "the records cannot be written; the collector's log says why",
        "记录无法写入，原因见采集器日志",
        "tell its operator; then send the same again",
        "请通知运维人员，之后原样重发",
    ),
    "defect": Said(
        500,
        "an unexpected error: this is a defect of Mingjian",
        "意外错误：这是明鉴的缺陷",
        "the collector's log names its kind and place; send the same again",
        "采集器日志中有错误的种类与位置；请原样重发",
    ),
    "not_found": Said(
        404,
        "nothing here",
        "此处没有内容",
        "records go to POST /v1/records; GET /openapi.json describes all",
        "记录请发往 POST /v1/records；说明见 GET /openapi.json",
    ),
    "method": Said(
        405,
        "this method is not for this address",
        "此地址不支持该方法",
        "records go to POST /v1/records",
        "记录请发往 POST /v1/records",
    ),
}
RETRY_AFTER = {"too_many_requests": "1", "away": "5", "unwritable": "60"}


class Refusal(Exception):
    """A request that is not taken; `code` is a key of `ANSWERS`, `why` what is known beyond it,
    without content."""

    def __init__(self, code: str, why: str = "") -> None:
        super().__init__(code)
        self.code, self.why = code, why

    @property
    def status(self) -> int:
        """The HTTP status."""
        return ANSWERS[self.code].status

    def body(self) -> dict[str, dict[str, str]]:
        """The JSON of the answer."""
        said = ANSWERS[self.code]
        words = {key: str(value) for key, value in said._asdict().items() if key != "status"}
        if self.why:
            words |= {"en": f"{said.en}: {self.why}", "zh": f"{said.zh}：{self.why}"}
        return {"error": {"code": self.code, **words}}

    def headers(self) -> dict[str, str]:
        """Headers that belong to it."""
        headers = {}
        if self.code == "no_token":
            headers["WWW-Authenticate"] = "Bearer"
        if self.code in RETRY_AFTER:
            headers["Retry-After"] = RETRY_AFTER[self.code]
        return headers
