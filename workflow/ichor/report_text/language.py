"""The language of a report, as far as a model needs to know: Chinese, English, or another."""

import re

HAN = re.compile(r"[\u4e00-\u9fff\u3400-\u4dbf]")
LETTER = re.compile(r"[^\W\d_]")
WORD = re.compile(r"[a-z]+")
# Words without meaning of their own, which a text of some length cannot do without.
ENGLISH = frozenset("the of and with in no is to for at a are was by on there from or".split())
LEAST_HAN, LEAST_ENGLISH = 0.3, 0.12  # shares of letters, of words
NAMES = {"zh": "zh", "chinese": "zh", "中文": "zh", "汉语": "zh", "en": "en", "english": "en", "英文": "en"}


def language_of(text: str, said: str = "") -> str:
    """Language of a text.

    Parameters
    ----------
    text : str
        The text.
    said : str
        What its table says of it, for example ``zh-CN`` or ``English``; it wins.

    Returns
    -------
    {"zh", "en", "other"}
    """
    if said.strip():
        name = said.strip().casefold()
        return NAMES.get(name, NAMES.get(re.split("[-_ ]", name)[0], "other"))
    letters = len(LETTER.findall(text))
    if letters and len(HAN.findall(text)) >= LEAST_HAN * letters:
        return "zh"
    words = WORD.findall(text.casefold())
    return "en" if words and sum(word in ENGLISH for word in words) >= LEAST_ENGLISH * len(words) else "other"
