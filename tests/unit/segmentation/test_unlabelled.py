from ichor.segmentation.unlabelled import unlabelled


def test_labels_that_a_centers_masks_cannot_hold():
    sheet = {"all": "1=iph; 2=ivh;3=edema", "some": "7=iph", "none": None, "merged": "1=iph;2=iph;4=edema"}
    assert unlabelled(sheet, ["iph", "ivh", "edema"]) == {"merged": ["ivh"], "some": ["ivh", "edema"]}
    assert unlabelled(sheet, ["iph"]) == {}
