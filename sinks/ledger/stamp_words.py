"""What can be wrong with a time stamp, for people. Standard library only: it travels in packs."""

from __future__ import annotations

from sinks.ledger.unproven import Unproven

# code -> English, Chinese; {} is what is known besides
WRONG: dict[str, tuple[str, str]] = {
    "unreadable": (
        "the answer is not a time stamp as RFC 3161 defines it ({})",
        "应答不是 RFC 3161 所定义的时间戳（{}）",
    ),
    "refused": ("the authority refused: {}", "时间戳机构拒绝了请求：{}"),
    "query": (
        "the query that is kept with it cannot be read ({})",
        "随之保存的请求无法读取（{}）",
    ),
    "imprint": (
        "it stamps something else: its digest is not that of the head's text",
        "时间戳所盖的不是此签名头：摘要与签名头文本不符",
    ),
    "nonce": (
        "it does not answer this query: the random number (nonce) in it is another one",
        "它不是对本次请求的应答：其中的随机数（nonce）不同",
    ),
    "no_certificate": (
        "the certificate of whoever signed it is neither in it nor in the file of certificates",
        "其签名者的证书既不在时间戳中，也不在所给证书文件中",
    ),
    "other_certificate": (
        "the certificate is not the one that was signed with (its digest differs)",
        "所附证书不是签名时所指的证书（摘要不同）",
    ),
    "altered": (
        "what it states was altered after it was signed (the digest of the content differs)",
        "其内容在签名后被改动（内容摘要不符）",
    ),
    "digest": ("it is signed with a digest that is not known here: {}", "签名所用摘要算法未知：{}"),
    "usage": (
        "the certificate of {} is not one for time stamps alone "
        "(extendedKeyUsage timeStamping, critical)",
        "{} 的证书不是时间戳专用证书（须有关键扩展 extendedKeyUsage timeStamping）",
    ),
    "not_yet_valid": (
        "the certificate of {} was not valid yet at the time it states",
        "在其所载时间，{} 的证书尚未生效",
    ),
    "expired": (
        "a certificate had expired at the time it states: {}",
        "在其所载时间，证书已过期：{}",
    ),
    "chain": (
        "its certificate does not lead to an authority that is trusted here: {}",
        "其证书不能追溯到此处信任的机构：{}",
    ),
    "signature": ("its signature is not valid", "其签名无效"),
    "no_roots": (
        "there is no certificate of an authority to trust in the file that was given",
        "所给文件中没有可信机构的证书",
    ),
    "roots": (
        "the file of certificates that is given with it is refused: {}",
        "不接受所给的证书文件：{}",
    ),
    "openssl": (
        "openssl does not say that its signature and certificates are good: {}",
        "openssl 未确认其签名与证书有效：{}",
    ),
    "no_sm2": (
        "it is signed with SM2, which the openssl program here does not know, so its signature "
        "cannot be checked",
        "其签名算法为 SM2，本机的 openssl 程序不支持，无法校验其签名",
    ),
    "no_openssl": (
        "there is no openssl program of version 3 or later, so its signature cannot be checked",
        "没有 openssl 程序（3 或以上版本），无法校验其签名",
    ),
}
# names of RFC 3161 §2.4.2 -> English, Chinese
REFUSALS: dict[str, tuple[str, str]] = {
    "badAlg": ("it does not take this digest", "不接受该摘要算法"),
    "badRequest": ("it does not take such queries", "不允许或不支持该请求"),
    "badDataFormat": ("it could not read the query", "无法读取请求"),
    "timeNotAvailable": ("it has no time now", "其时间源当前不可用"),
    "unacceptedPolicy": ("it does not serve this policy", "不支持所请求的策略"),
    "unacceptedExtension": ("it does not take an extension", "不支持所请求的扩展"),
    "addInfoNotAvailable": ("it has not what was asked besides", "无法提供所请求的附加信息"),
    "systemFailure": ("it failed", "其系统故障"),
}
# PKIStatus of RFC 3161 §2.4.2
_STATUS = {
    2: ("rejection", "拒绝"), 3: ("waiting", "等待"), 4: ("revocation warning", "即将吊销"),
    5: ("revocation", "已吊销"),
}  # fmt: skip
_MAX_SAID = 200


def wrong(code: str, en: str = "", zh: str = "") -> Unproven:
    """What to raise; `en` and `zh` (by default the same) go into the sentence."""
    sentence = WRONG[code]
    return Unproven(code, sentence[0].format(en), sentence[1].format(zh or en))


def refusal(status: int, failures: tuple[str, ...], text: str) -> Unproven:
    """Why an authority refused, as it says."""
    named = _STATUS.get(status, (f"status {status}", f"状态 {status}"))
    en, zh = [named[0]], [named[1]]
    for name in failures:
        words = REFUSALS.get(name, ("not named in RFC 3161", "RFC 3161 未定义"))
        en.append(f"{name}, {words[0]}")
        zh.append(f"{name}，{words[1]}")
    if text:
        said = "".join(char if char.isprintable() else " " for char in text)[:_MAX_SAID]
        en.append(f"it says: {said}")
        zh.append(f"对方说明：{said}")
    return wrong("refused", "; ".join(en), "；".join(zh))
