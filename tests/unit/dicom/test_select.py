import pandas as pd
import pytest
from phantom_series import Scan, write_series

from ichor.dicom import select
from ichor.dicom.references import ReferenceMasks
from ichor.dicom.score import SelectionRules
from ichor.dicom.select import empty_selection, select_center, select_series, shard_of
from ichor.private_tables import read_private, write_private
from ichor.pseudonyms import pseudonym

KEY = b"k" * 32
P1 = pseudonym(KEY, "aurora", "P1")


def at(hours):
    return (pd.Timestamp("2020-01-01 12:00") + pd.Timedelta(hours=hours)).strftime("%Y%m%d%H%M%S")


@pytest.fixture
def choose(tmp_path, index):
    def run(*scans, records=None, skip=(), **options):
        for number, scan in enumerate(scans):
            scan.noise_hu, scan.rows, scan.columns = 0, 8, 8
            write_series(tmp_path / f"{number}", scan, skip=skip if number == 0 else ())
        rows, _ = index(tmp_path)
        times = pd.DataFrame([dict(patient=P1, **records)]) if records else None
        return select_series(rows, times, center="aurora", **options)

    return run


def taken(public):
    return dict(
        zip(public["reason"].where(public["outcome"] != "accepted", public["time_point"]), public["score"], strict=True)
    )


REFUSED = {
    "localizer": Scan(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER")),
    "bone_kernel": Scan(kernel="H60s"),
    "contrast_enhanced": Scan(tags=dict(ContrastBolusAgent="Omnipaque 350")),
    "derived_image": Scan(image_type=("DERIVED", "SECONDARY", "AXIAL")),
    "not_original_axial": Scan(row_direction=(0, 1, 0), column_direction=(0, 0, -1)),
    "too_few_slices": Scan(along_mm=[0, 30, 60, 90, 120], thickness_mm=30),
    "coverage_too_small": Scan(along_mm=[5.0 * k for k in range(12)]),
    "not_ct": Scan(tags=dict(Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4")),
    "not_a_head": Scan(tags=dict(BodyPartExamined="CHEST")),
    "lossy_compression": Scan(tags=dict(LossyImageCompression="01")),
    "multi_frame": Scan(tags=dict(NumberOfFrames=1, SOPClassUID="1.2.840.10008.5.1.4.1.1.2.1")),
}
REFUSED["multi_frame"].tags["NumberOfFrames"] = 2


@pytest.mark.parametrize("reason", REFUSED)
def test_unsuitable_series_are_refused_beside_a_good_one(reason, choose):
    selection, public, status = choose(REFUSED[reason], Scan())
    assert set(taken(public)) == {reason, "baseline"}
    assert status["reason"].tolist() == [reason]
    assert selection[0]["candidate"].nunique() == 1


def test_angiography_by_its_description_but_not_non_contrast(choose):
    _, public, _ = choose(
        Scan(tags=dict(SeriesDescription="CTA head")), Scan(tags=dict(SeriesDescription="Head without contrast"))
    )
    assert set(taken(public)) == {"contrast_enhanced", "baseline"}


def test_missing_slices_are_seen_with_and_without_thickness(choose):
    _, public, _ = choose(Scan(), skip=[7])
    assert public["reason"].tolist() == ["missing_slices"]
    assert public["detail"].tolist() == ["step of 10.00 mm, typical 5.00 mm"]


def test_two_block_protocol_is_not_a_gap(choose):
    along = [4.0 * k for k in range(13)] + [49.08 + 7.0 * k for k in range(14)]
    _, public, _ = choose(Scan(along_mm=along, thickness_mm=[4.0] * 13 + [7.0] * 14))
    assert public["outcome"].tolist() == ["accepted"] and public["uneven"].tolist() == [True]


def test_soft_kernel_and_five_millimetres_win(choose):
    thin = Scan(along_mm=[1.0 * k for k in range(150)], thickness_mm=1.0, study_uid="1.2.3")
    selection, public, _ = choose(thin, Scan(study_uid="1.2.3"))
    assert public.set_index("rank")["thickness_mm"].to_dict() == {1: 5.0, 2: 1.0}
    assert public.set_index("rank")["reason"].to_dict() == {1: "", 2: "not_chosen"}


def test_earliest_visit_is_baseline_and_the_scan_nearest_to_a_day_is_followup(choose):
    records = dict(onset_to_ct_h=2.0, onset_to_followup_ct_h=26.0, onset_to_surgery_h=None)
    scans = [Scan(when=at(h), study_uid=f"1.2.{k}") for k, h in enumerate((0, 3, 7, 25, 60, 100), start=1)]
    selection, public, _ = choose(*scans, records=records)
    hours = public.set_index("baseline_to_ct_h")["time_point"].to_dict()
    assert hours == {0: "baseline", 3: "", 7: "", 25: "followup", 60: "", 100: ""}
    reasons = public.set_index("baseline_to_ct_h")["reason"].to_dict()
    assert reasons == {0: "", 3: "out_of_window", 7: "not_chosen", 25: "", 60: "not_chosen", 100: "out_of_window"}
    onset = selection[0].groupby("time_point")["onset_to_ct_h"].first().to_dict()
    assert onset == {"baseline": 2.0, "followup": 27.0}


def test_nothing_after_surgery_is_taken(choose):
    scans = [Scan(when=at(h), study_uid=f"1.2.{k}") for k, h in enumerate((0, 10, 24), start=1)]
    records = dict(onset_to_ct_h=2.0, onset_to_followup_ct_h=None, onset_to_surgery_h=14.0)
    _, public, _ = choose(*scans, records=records)
    assert public.set_index("baseline_to_ct_h")["reason"].to_dict() == {0: "", 10: "", 24: "after_surgery"}


def test_a_first_scan_after_surgery_leaves_no_baseline(choose):
    records = dict(onset_to_ct_h=20.0, onset_to_followup_ct_h=None, onset_to_surgery_h=14.0)
    selection, public, _ = choose(Scan(), records=records)
    assert public["reason"].tolist() == ["after_surgery"] and selection[0].empty


def test_followup_before_baseline_in_the_record(choose):
    records = dict(onset_to_ct_h=5.0, onset_to_followup_ct_h=4.0, onset_to_surgery_h=None)
    scans = [Scan(when=at(h), study_uid=f"1.2.{k}") for k, h in enumerate((0, 24), start=1)]
    _, public, status = choose(*scans, records=records)
    assert public.set_index("baseline_to_ct_h")["reason"].to_dict() == {0: "", 24: "followup_before_baseline"}
    assert "record: follow-up 4 h, baseline 5 h" in status["detail"].iloc[0]


def test_a_scan_of_the_next_day_is_no_baseline_because_the_first_is_damaged(choose):
    scans = [Scan(when=at(h), study_uid=f"1.2.{k}") for k, h in enumerate((0, 24), start=1)]
    selection, public, _ = choose(*scans, skip=[8])
    assert set(public["reason"]) == {"missing_slices", "out_of_window"} and selection[0].empty


def test_two_studies_without_any_time_are_not_guessed(choose):
    none = dict.fromkeys(("AcquisitionDate", "AcquisitionTime", "StudyDate", "StudyTime"), "")
    scans = [Scan(tags=dict(none), study_uid=f"1.2.{k}") for k in (1, 2)]
    _, public, _ = choose(*scans)
    assert public["reason"].tolist() == ["time_unknown", "time_unknown"]


def test_one_study_without_time_is_the_baseline(choose):
    none = dict.fromkeys(("AcquisitionDate", "AcquisitionTime", "StudyDate", "StudyTime"), "")
    _, public, _ = choose(Scan(tags=none))
    assert public["time_point"].tolist() == ["baseline"]


def test_two_acquisitions_merged_in_one_series_come_apart(choose):
    uids = dict(study_uid="1.2.3", series_uid="1.2.4")
    _, public, _ = choose(Scan(**uids), Scan(acquisition=2, first_instance=31, **uids))
    assert public["slices"].tolist() == [30, 30]
    assert sorted(public["reason"]) == ["", "not_chosen"]


def test_interleaved_halves_are_merged_but_two_reconstructions_are_not(choose, tmp_path):
    halves = [
        Scan(along_mm=[10.0 * k + shift for k in range(15)], study_uid="1.2.3", acquisition=k + 1)
        for k, shift in ((0, 0), (1, 5))
    ]
    _, public, _ = choose(*halves)
    assert public["slices"].tolist() == [30]


def test_overlapping_reconstructions_stay_apart(choose):
    both = [Scan(along_mm=[5.0 * k + shift for k in range(30)], study_uid="1.2.3") for shift in (0, 2.5)]
    _, public, _ = choose(*both)
    assert public["slices"].tolist() == [30, 30]


def test_shards_part_the_patients_and_cover_them(choose):
    scans = [Scan(patient_id=f"P{k}") for k in range(6)]
    selection, public, _ = choose(*scans, shards=3)
    assert sorted(selection) == [0, 1, 2]
    for shard, rows in selection.items():
        assert all(shard_of(patient, 3) == shard for patient in rows["patient"])
    assert sum(rows["patient"].nunique() for rows in selection.values()) == 6
    assert set(selection[0].columns) >= set(empty_selection().columns)


@pytest.fixture
def mixed_center(tmp_path, index):
    """Index of seven patients with one to four series each, and the record of one."""
    for patient in range(7):
        series = [Scan(kernel="H60s"), Scan(thickness_mm=2.5), Scan(image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))]
        for number, scan in enumerate([Scan(), *series[: patient % 4]]):
            scan.patient_id, scan.rows, scan.columns, scan.study_uid = f"P{patient}", 8, 8, f"1.2.{patient}"
            scan.along_mm = [10.0 * k for k in range(12)]
            write_series(tmp_path / "in" / f"{patient}" / f"{number}", scan)
    rows, _ = index(tmp_path / "in")
    write_private(rows, tmp_path / "index")
    records = pd.DataFrame([dict(patient=P1, onset_to_ct_h=2.0)])
    return rows, records


@pytest.mark.parametrize("options", [dict(rows_at_a_time=1), dict(rows_at_a_time=200), {}, dict(work_dir="work")])
def test_a_center_in_parts_is_the_center_as_a_whole(options, mixed_center, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows, records = mixed_center
    whole, *public_and_status = select_series(rows, records, center="aurora", shards=5)
    out = [tmp_path / f"{shard}" for shard in range(5)]
    for _ in range(2 if "work_dir" in options else 1):
        tables = select_center(tmp_path / "index", records, out, center="aurora", **options)
        assert [table.to_csv() for table in tables] == [table.to_csv() for table in public_and_status]
        for shard, path in enumerate(out):
            write_private(whole[shard], tmp_path / "other")
            assert path.read_bytes() == (tmp_path / "other").read_bytes()
            path.unlink()


def test_only_the_shard_that_changed_is_chosen_again(mixed_center, tmp_path, monkeypatch):
    rows, records = mixed_center
    chosen = []
    real = select.select_series
    monkeypatch.setattr(
        select, "select_series", lambda files, *a, **o: chosen.extend(files["patient"]) or real(files, *a, **o)
    )
    out = [tmp_path / f"{shard}" for shard in range(5)]

    def shards_chosen(**changes):
        chosen.clear()
        options = dict(records=records, center="aurora", work_dir=tmp_path / "work") | changes
        select_center(tmp_path / "index", options.pop("records"), out, **options)
        return {shard_of(patient, 5) for patient in chosen}

    everyone = {shard_of(patient, 5) for patient in rows["patient"]}
    assert len(everyone) > 1 and shards_chosen() == everyone
    assert shards_chosen() == set()
    assert shards_chosen(records=records.assign(onset_to_ct_h=3.0)) == {shard_of(P1, 5)}
    masks = ReferenceMasks(tmp_path, "{patient}.nii", {"P1.nii": "1", "unknown.nii": "2"})
    assert shards_chosen(masks=masks) == everyone  # a center without masks gets some
    corrected = ReferenceMasks(tmp_path, "{patient}.nii", {"P1.nii": "3", "unknown.nii": "4"})
    assert shards_chosen(masks=corrected) == {shard_of(P1, 5)}
    assert shards_chosen(masks=corrected, rules=SelectionRules(min_slices=11)) == everyone
    replaced = rows["patient"] == rows["patient"].iloc[-1]
    write_private(rows.assign(modified_ns=rows["modified_ns"] + replaced), tmp_path / "index")
    again = dict(masks=corrected, rules=SelectionRules(min_slices=11))
    assert shards_chosen(**again) == {shard_of(rows["patient"].iloc[-1], 5)}
    write_private(rows[~replaced], tmp_path / "index")
    assert shards_chosen(**again) == {shard_of(rows["patient"].iloc[-1], 5)} & {
        shard_of(patient, 5) for patient in rows["patient"][~replaced]
    }


def test_a_center_without_images_has_empty_shards(tmp_path, index):
    rows, _ = index(tmp_path / "in")
    write_private(rows, tmp_path / "index")
    out = [tmp_path / f"{shard}" for shard in range(3)]
    public, status = select_center(tmp_path / "index", None, out, center="aurora")
    assert public.empty and status.empty and all(read_private(path).empty for path in out)


def test_nothing_to_select_is_an_empty_selection(tmp_path, index):
    rows, _ = index(tmp_path)
    selection, public, status = select_series(rows, None, center="aurora", shards=2, rules=SelectionRules())
    assert selection[0].empty and selection[1].empty and public.empty and status.empty


def test_public_table_has_no_path_id_or_date(choose):
    _, public, status = choose(Scan(patient_id="Meier 1950"), Scan(kernel="Meier"))
    text = public.to_csv() + status.to_csv()
    assert "Meier" not in text and "2020" not in text and "/IM" not in text
