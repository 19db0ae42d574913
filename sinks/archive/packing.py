"""Compression of single records with a dictionary of what all of them have in common.

zlib (RFC 1950) with a preset dictionary: a message alone is too short to be compressed by much,
since most of it is keys that it says once. The dictionary is part of the format: it never changes,
and another one would be another version byte.
"""

from __future__ import annotations

import zlib

_VERSION = b"\x01"
_LEVEL = 6
_MAX_BYTES = 64 * 1024 * 1024  # a record is at most 16 MiB (Kafka.max_record_bytes)

# What comes most often stands last (RFC 1950 §2.2: distances are shorter there).
_DICTIONARY = (
    '"chatrecord":{"title":"","item":[{"type":"ChatRecordText","msgtime":,"content":"{\\"content\\":'
    '\\"\\"}","from_chatroom":false}]}"mixed":{"item":[{"type":"text","content":"{\\"content\\":'
    '\\"\\"}"},{"type":"image","content":"{\\"md5sum\\":\\"\\",\\"filesize\\":,\\"sdkfileid\\":\\"'
    '"meeting":{"topic":"","starttime":,"endtime":,"address":"","remarks":"","meetingtype":,"meetingid":'
    '"todo":{"title":"","content":""}"vote":{"votetitle":"","voteitem":["",""],"votetype":,"voteid":'
    '"redpacket":{"type":,"wish":"","totalcnt":,"totalamount":}"external_redpacket":"collect":{'
    '"location":{"longitude":,"latitude":,"address":"","title":"","zoom":}"calendar":{"title":"",'
    '"creatorname":"","attendeename":[""],"starttime":,"endtime":,"place":"","remarks":""}'
    '"weapp":{"title":"","description":"","username":"","displayname":""}"card":{"corpname":"","userid":'
    '"emotion":{"type":1,"width":,"height":,"imagesize":,"md5sum":"","sdkfileid":"'
    '"video":{"md5sum":"","filesize":,"play_length":,"sdkfileid":"'
    '"voice":{"md5sum":"","voice_size":,"play_length":,"sdkfileid":"'
    '"file":{"md5sum":"","filename":".docx.xlsx.pdf","fileext":"pdf","filesize":,"sdkfileid":"'
    '"image":{"md5sum":"","filesize":,"sdkfileid":"'
    '"link":{"title":"","description":"","link_url":"https://www.","image_url":"https://'
    '"revoke":{"pre_msgid":"","action":"recall","agree":{"userid":"","agree_time":'
    '"source":"callback","type":"customer_added","payload":{"UserID":"","ExternalUserID":"wm","State":"'
    '"source":"member_oper_log","type":"member_operation","payload":{"userid":"","oper_type":,'
    '"detail_info":"","ip":"'
    "您好，请问一下今天明天方便的时候可以给我们发一下谢谢好的收到没问题已经这个那个什么怎么"
    "客户产品公司合同资料文件会议项目时间电话微信转账收益风险投资理财基金保险"
    '{"v":1,"kind":"event","time":17,"received_at":17,"tenant":"","seq":0,"id":"'
    '{"v":1,"kind":"archive","time":17,"received_at":17,"tenant":"demo","seq":1,"payload":{"msgid":"'
    '_external","action":"send","from":"wm","tolist":["wm","wo"],"roomid":"wr","msgtime":17,'
    '"msgtype":"text","text":{"content":""}}}'
).encode()


def pack(raw: bytes) -> bytes:
    """`raw` compressed."""
    machine = zlib.compressobj(_LEVEL, zdict=_DICTIONARY)
    return _VERSION + machine.compress(raw) + machine.flush()


def unpack(packed: bytes) -> bytes:
    """What was packed.

    Raises:
        ValueError: it was not packed here, or inflates beyond any record.
    """
    if packed[:1] != _VERSION:
        raise ValueError("another version of packing")
    machine = zlib.decompressobj(zdict=_DICTIONARY)
    try:
        raw = machine.decompress(packed[1:], _MAX_BYTES)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not machine.eof or machine.unused_data:
        raise ValueError("cut short, or beyond any record")
    return raw
