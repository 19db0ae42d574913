"""What emoji and foreign letters are read as, where a word of a lexicon may be meant.

These readings are an alternative (`Folded.read`), tried only for texts that hold such a character:
「微❤信」 with the heart left out is 微信, 「发我🧧」 read aloud is 发我红包.
"""

from __future__ import annotations

_EMOJI = (
    "❤心 ♥心 💕心 💖心 💗心 💓心 🧡心 💛心 💚心 "
    "💙心 💜心 🖤心 🧧红包 💰钱 💵钱 💴钱 💸钱 🤑钱 ➕加 💳卡 📈涨"
)
# Letters of other scripts, and signs, in the shape of a Latin letter.
_LETTERS = (
    "аa вb еe ѕs іi јj кk мm нh оo рp сc тt уy хx ԁd ԛq ԝw ѵv һh ӏl ɡg "
    "αa βb εe ηn κk νv οo ρp τt υu χx ωw γy ιi "
    "ㄨx ×x ✕x ✖x ❌x ╳x √v ∨v 乄x"
)


def _pairs(words: str) -> dict[str, str]:
    return {word[0]: word[1:] for word in words.split()}


EMOJI = _pairs(_EMOJI)
CONFUSABLE = _pairs(_LETTERS)
CONFUSABLE |= {char.upper(): to for char, to in CONFUSABLE.items() if len(char.upper()) == 1}
READ = {**EMOJI, **CONFUSABLE}
KIND = {**dict.fromkeys(EMOJI, "emoji"), **dict.fromkeys(CONFUSABLE, "confusable")}
