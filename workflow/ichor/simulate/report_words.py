"""Words of the simulated reports in English and Chinese: synonyms, negations, typing errors."""

from __future__ import annotations

import numpy as np

LEADING = {
    "unsteadiness": {
        "en": ("unsteadiness", "loss of balance"),
        "zh": ("站立不稳", "平衡障碍"),
    },
    "walking": {
        "en": ("trouble walking", "unsafe gait"),
        "zh": ("行走困难", "步态异常"),
    },
    "vision": {
        "en": ("blurred vision", "visual disturbance"),
        "zh": ("视物模糊", "视力下降"),
    },
}
"""Leading signs and how they are said: the terms that lead in Sun 2026 (unsteadiness, walking, vision)."""
OTHER = {
    "headache": {"en": ("headache", "severe head pain"), "zh": ("头痛", "剧烈头痛")},
    "weakness": {"en": ("weakness of one arm", "one-sided weakness"), "zh": ("一侧肢体无力", "偏侧肢体乏力")},
    "speech": {"en": ("slurred speech", "trouble finding words"), "zh": ("言语不清", "说话含糊")},
    "vomiting": {"en": ("vomiting", "nausea and vomiting"), "zh": ("呕吐", "恶心呕吐")},
    "numbness": {"en": ("numbness of the face", "tingling of one side"), "zh": ("面部麻木", "半身麻木")},
}
NEGATIONS = {
    "en": ("no {}", "denies {}", "without {}", "{} was not reported"),
    "zh": ("无{}", "否认{}", "未诉{}", "没有{}"),
}
NO_SYMPTOM = {"en": "found unresponsive", "zh": "被发现意识不清"}
SITES = {
    "deep": {
        "en": ("the basal ganglia", "the thalamus", "the lentiform nucleus"),
        "zh": ("基底节区", "丘脑", "豆状核"),
    },
    "lobar": {"en": ("the frontal lobe", "the parietal lobe", "the temporal lobe"), "zh": ("额叶", "顶叶", "颞叶")},
    "infratentorial": {"en": ("the cerebellar hemisphere", "the pons"), "zh": ("小脑半球", "脑桥")},
}
SHAPES = {
    "irregular": {
        "en": ("an irregular margin", "satellite foci", "a lobulated outline"),
        "zh": ("边缘不规则", "可见卫星灶", "轮廓呈分叶状"),
    },
    "smooth": {"en": ("a smooth margin", "a well-defined outline"), "zh": ("边缘光整", "边界清楚")},
    "heterogeneous": {
        "en": ("heterogeneous density", "hypodense areas within", "a swirl sign"),
        "zh": ("密度不均", "内见低密度区", "可见漩涡征"),
    },
    "homogeneous": {"en": ("homogeneous density", "uniform density"), "zh": ("密度均匀", "密度均一")},
}
SLIPS_ZH = {"模糊": "模胡", "行走": "行徒", "视力": "视立", "困难": "困滩", "密度": "蜜度"}
TYPING_ERRORS = 0.02  # of the words, or of the places where a Chinese slip is known


def with_typing_errors(text: str, language: str, rng: np.random.Generator) -> str:
    """Return the text as somebody in a hurry types it: two letters of a word change places; a character is mistaken."""
    if language == "zh":
        for right, wrong in SLIPS_ZH.items():
            if right in text and rng.random() < TYPING_ERRORS:
                text = text.replace(right, wrong, 1)
        return text
    return " ".join(_swapped(word, rng) if rng.random() < TYPING_ERRORS else word for word in text.split(" "))


def _swapped(word: str, rng: np.random.Generator) -> str:
    if len(word) < 6 or not word.isalpha():
        return word
    place = int(rng.integers(1, len(word) - 2))
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]
