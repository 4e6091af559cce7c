"""Names, dates, times of day, places and identifying numbers taken out of a report's text, by rules.

What is looked for follows the identifiers of the HIPAA safe harbor (45 CFR 164.514(b)(2)) in English and Chinese;
what each rule looks for and leaves is our choice. Measurements, doses, scores and durations stay. Rules miss what
nobody thought of: a person has to read a sample before texts leave the hospital.
"""

import re
from collections import Counter
from collections.abc import Iterable

DATE, TIME, NUMBER, NAME, PLACE, AGE = "[DATE]", "[TIME]", "[NUMBER]", "[NAME]", "[PLACE]", "[AGE]"
MARKS = (DATE, TIME, NUMBER, NAME, PLACE, AGE)

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)"
)
_YEAR = r"(?:19|20)\d\d"
_CAPITAL = r"[A-ZÀ-ÖØ-Þ](?:\.|[\w'’-]+)"  # a word, or an initial
_PERSON = rf"{_CAPITAL}(?:[ ](?:(?:de|del|van|von|der|den|la)\b|{_CAPITAL})){{0,4}}"
# The hundred or so surnames that most people in China have (Ministry of Public Security, report of 2020).
_SURNAME = (
    "[王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高梁郑谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖石金贾韦夏"
    "付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常]"
)
_HAN = r"[\u4e00-\u9fff]"

RULES: tuple[tuple[str, re.Pattern], ...] = tuple(
    (mark, re.compile(pattern, flags))
    for mark, pattern, flags in (
        (NUMBER, r"[\w.+-]+@[\w-]+\.[\w.-]+", 0),
        (NUMBER, r"(?:https?://|www\.)\S+", 0),
        # dates
        (DATE, rf"{_YEAR}\s*[-/.]\s*\d{{1,2}}\s*[-/.]\s*\d{{1,2}}(?!\d)", 0),
        (DATE, rf"(?<![\d.])\d{{1,2}}[-/.]\d{{1,2}}[-/.](?:{_YEAR}|\d\d)(?![\d.]\d)(?!\d)", 0),
        (DATE, r"\d{2,4}\s*年\s*\d{1,2}\s*月(?:\s*\d{1,2}\s*[日号])?", 0),
        (DATE, r"\d{1,2}\s*月\s*\d{1,2}\s*[日号]", 0),
        (DATE, rf"\b\d{{1,2}}(?:st|nd|rd|th)?[ -](?:of )?{_MONTH}\b\.?(?:,?[ -]{_YEAR})?", 0),
        (DATE, rf"\b{_MONTH}\.?[ ]\d{{1,2}}(?:st|nd|rd|th)?\b(?:,?[ ]{_YEAR})?", 0),
        (DATE, rf"\b{_MONTH}\.?,?[ ]{_YEAR}\b", 0),
        (DATE, r"(?<=\bon )\d{1,2}[/.]\d{1,2}\b(?!\s*(?:cm|mm|ml|mL|of))", 0),
        # times of day
        (
            TIME,
            r"(?<![\d:.])(?:[01]?\d|2[0-3])[:：][0-5]\d(?:[:：][0-5]\d)?(?!\d)(?:\s*(?:[ap]\.?m\b\.?|hrs?\b|h\b))?",
            re.I,
        ),
        (TIME, r"\b(?:1[0-2]|0?[1-9])\s?[ap]\.?m\b\.?", re.I),
        (TIME, r"(?:上午|下午|凌晨|晚上|中午|早上)\s*\d{1,2}\s*[点时](?:\s*\d{1,2}\s*分|半)?", 0),
        (TIME, r"\d{1,2}\s*[点时]\s*\d{1,2}\s*分", 0),
        # numbers that name a person, a stay or an examination
        (
            NUMBER,
            r"(?:\b(?:MRN|accession(?: (?:no|number))?|(?:patient|case|hospital) (?:id|no|number)|ID|DOB|SSN)\b\.?"
            r"|(?:住院|病历|检查|影像|门诊|登记|病案|身份证|床|电话|手机)号?码?)\s*[:：#]?\s*"
            r"(?=[\w-]*\d)[\w/-]+(?:\s*床)?",
            re.I,
        ),
        (NUMBER, r"(?<![\w.])\+?\(?\d{2,5}\)?(?:[ .-]\d{3,4}){2,}(?!\d)", 0),
        (NUMBER, r"\d+(?:\.\d+){4,}", 0),  # identifiers of DICOM objects
        (NUMBER, r"\d{6,}", 0),
        (NUMBER, r"\b(?=(?:[\w-]*\d){4})(?=[\w-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9-]{4,}\b", 0),
        # places
        (PLACE, rf"\b\d+[a-z]? (?:{_CAPITAL} ){{1,3}}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Square)\b\.?", 0),
        (PLACE, rf"\b(?:{_CAPITAL} ){{1,4}}(?:Hospital|Clinic|Infirmary|Medical Cent(?:er|re))\b", 0),
        (PLACE, rf"{_HAN}{{2,3}}(?:省|自治区|市){_HAN}{{1,12}}?(?:路|街|镇|村|小区)\d*号?", 0),
        (PLACE, rf"{_HAN}{{0,3}}(?:省|市|县|大学|人民|附属|第[一二三四五六七八九十]+){_HAN}{{0,8}}?医院", 0),
        # names
        (NAME, rf"\b(?:Dr|Mr|Mrs|Ms|Miss|Prof|Professor|Doctor|Nurse)\b\.?[ ]+{_PERSON}", 0),
        (
            NAME,
            r"(?:(?<=\b[Nn]ame: )|(?<=\b[Nn]ame )|(?<=\b[Pp]atient: )|(?<= by: )|(?<= by )|(?<=\b[Rr]adiologist: )"
            r"|(?<=\b[Pp]hysician: )|(?<=\b[Cc]onsultant: )|(?<=\b[Aa]ttending: )|(?<=\b[Rr]eader: ))"
            rf"{_PERSON}(?:,? (?:MD|M\.D\.|FRCR|PhD))?",
            0,
        ),
        (NAME, rf"(?<=[Dd]iscussed with ){_CAPITAL}[ ]{_PERSON}", 0),
        (
            NAME,
            rf"(?:(?<=姓名[:：])|(?<=医师[:：])|(?<=医生[:：])|(?<=签名[:：])|(?<=者[:：])|(?<=联系人[:：]))\s*{_HAN}{{2,4}}",
            0,
        ),
        (NAME, rf"{_SURNAME}{_HAN}{{0,2}}(?=(?:主任|副主任|主治)?(?:医师|医生)|教授|护士|先生|女士)", 0),
        (NAME, rf"(?<=患者){_SURNAME}{_HAN}{{1,2}}(?=[，,、\s]*(?:男|女|系|因))", 0),
        # ages above 89 years
        (AGE, r"(?<!\d)(?:9\d|1[01]\d)(?=\s*-?\s*(?:years?|yrs?|y\.?o\b|y/o|岁))", re.I),
    )
)


def scrub(text: str, known: Iterable[str] = ()) -> tuple[str, Counter]:
    """Take out of a text what may name a person.

    Parameters
    ----------
    text : str
        A report, or a part of it.
    known : iterable of str
        What its table says of the patient, such as name and id: taken out wherever it stands.

    Returns
    -------
    text : str
        With ``[DATE]``, ``[TIME]``, ``[NUMBER]``, ``[NAME]``, ``[PLACE]`` and ``[AGE]`` in the place of what was found.
    found : Counter
        How many of each.
    """
    found: Counter = Counter()
    for pattern in filter(None, map(_pattern_of, known)):
        text, count = pattern.subn(NAME, text)
        found[NAME] += count
    for mark, pattern in RULES:
        text, count = pattern.subn(mark, text)
        found[mark] += count
    return text, +found


def _pattern_of(known: str) -> re.Pattern | None:
    """Pattern of the words of a name or id: as written, in capitals, and with a capital first letter."""
    words = [word for word in re.split(r"[\s,;，、·]+", known.strip()) if _tells(word)]
    if not words:
        return None
    forms = {form for word in words for form in (word, word.upper(), word.capitalize())}
    longest_first = sorted(forms, key=lambda form: (-len(form), form))
    return re.compile("|".join(_bounded(form) for form in longest_first))


def _tells(word: str) -> bool:
    """Whether a word is long enough to be found by: two Chinese characters, three of other scripts."""
    return len(word) >= (2 if re.match(_HAN, word) else 3)


def _bounded(word: str) -> str:
    return re.escape(word) if re.match(_HAN, word) else rf"(?<!\w){re.escape(word)}(?!\w)"
