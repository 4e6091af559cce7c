"""What names a person goes, what describes a bleed stays: English and Chinese."""

import pytest

from ichor.report_text.scrub import scrub

IDENTIFYING = {
    "Name: Maria van der Berg, seen in the emergency room.": ["Maria", "Berg"],
    "Seen by Dr. J. Smith on 2024-03-14 at 14:30.": ["Smith", "2024", "14:30"],
    "Reported by: Anna K. Doe, MD, 3 May 2024": ["Anna", "Doe", "May"],
    "Discussed with Tom Jones, tel. 030 1234 5678": ["Jones", "1234"],
    "Accession number: AB-0012345, MRN 77812": ["0012345", "77812"],
    "Mail anna.doe@hospital.example or see https://pacs.example/x": ["anna", "pacs"],
    "Transferred from St Mary Hospital, lives at 12 Long Acre Road": ["Mary", "Acre"],
    "A 93-year-old woman": ["93"],
    "Study 1.2.840.113619.2.55.3": ["113619"],
    "CT of 14/03/2024, compared with 12.3.24": ["14/03", "12.3.24"],
    "患者张伟，男，63岁，2024年3月14日就诊": ["张伟", "3月"],
    "住院号：ZY012345，床号12": ["012345", "12"],
    "报告医师：李晓明 审核医生：王芳 下午3点20分": ["李晓明", "王芳", "3点"],
    "陈静医生会诊，电话13812345678": ["陈静", "138"],
    "于北京市第一人民医院行CT": ["北京市第一人民医院"],
}
CLINICAL = (
    "Hyperdense hematoma of the left thalamus, 3.2 x 4.1 x 2.5 cm, about 28 mL, 62 HU.",
    "Midline shift 5.5 mm at the level of the third ventricle; May enlarge.",
    "GCS 3/15, NIHSS 14, blood pressure 180/95, strength 4/5, ICH score 2-3.",
    "63-year-old man with headache for 3 hours; no anticoagulant; INR 1.1.",
    "Slices 12-14, C3-C4, 5 mg, 10:1, 24 h, day 3.",
    "左侧基底节区见高密度影，大小约3.2×4.1cm，约28ml，中线移位5mm。",
    "突发头痛3小时，无抗凝药物，GCS 13分，血压180/95mmHg。",
)


@pytest.mark.parametrize("text", IDENTIFYING)
def test_what_names_a_person_a_day_or_a_place_is_gone(text):
    clean, found = scrub(text)
    assert not [part for part in IDENTIFYING[text] if part in clean], clean
    assert sum(found.values()) >= 1


@pytest.mark.parametrize("text", CLINICAL)
def test_measurements_scores_durations_and_anatomy_stay_letter_by_letter(text):
    assert scrub(text) == (text, {})


def test_words_of_the_patients_own_name_and_id_are_taken_out_wherever_they_stand():
    clean, found = scrub(
        "WEISS was found by Clara's neighbour; weissness of Weissmann; id 4711.", ["Weiss, Clara", "4711"]
    )
    assert clean == "[NAME] was found by [NAME]'s neighbour; weissness of Weissmann; id [NAME]."
    assert found == {"[NAME]": 3}


def test_short_words_of_a_name_are_no_reason_to_cut_up_the_text():
    assert scrub("No bleed of the left side. Le is no name here.", ["Le"])[0].startswith("No bleed of the left side")


def test_scrubbing_twice_changes_nothing_more():
    for text in IDENTIFYING:
        clean, _ = scrub(text)
        assert scrub(clean)[0] == clean
