"""What emoji and foreign letters are read as, where a word of a lexicon may be meant.

The readings are alternatives (`rules.variants_lattice`): 「微❤信」 with the heart left out is 微信,
「发我🧧」 read aloud is 发我红包, and 「➕我微❤信」 takes one of each.
"""

from __future__ import annotations

_EMOJI = (
    "❤心 ♥心 ♡心 💕心 💖心 💗心 💓心 💘心 💝心 🧡心 💛心 💚心 💙心 💜心 🖤心 🤍心 🤎心 "
    "🧧红包 💰钱 💵钱 💴钱 💶钱 💷钱 💸钱 🤑钱 🪙币 💎钻 🏦银行 💳卡 🎴卡 👛钱包 "
    "➕加 ✚加 ✛加 ✜加 ➖减 📈涨 📉跌 🆙上 ⬆上 👆上 ☝上 🔝上 ⬇下 👇下 ➡右 ⬅左 "
    "📱手机 ☎电话 📞电话 📧邮箱 📮邮箱 🏠家 🏡家 🚗车 🚕车 🐴马 🐎马 🐔鸡 🐓鸡 🐂牛 🐮牛 🐟鱼 "
    "🔥火 💧水 🌊浪 🍵茶 🍚饭 🌙月 ☀日 ⭐星 🌟星 ☁云 🌸花 🌹花 🍎苹果 🎁礼 👂耳 👀看 👄口 "
    "🔑钥匙 🔒锁 📖书 📚书 🖊笔 ✍写 ✈飞机 🛩飞机 📷拍 🔍查 📦包 🎒包 👜包 🚪门 🏃跑 🚶走"
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
