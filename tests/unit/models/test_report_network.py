"""Networks of report and record: what is absent is not looked at, and a local folder is read without running it."""

import json

import pytest
import torch

from ichor.errors import StudyError
from ichor.models import registry
from ichor.models.text_encoder import FolderEncoder, folder_description, import_transformers, start_from_folder

TOKENS = torch.tensor([[5, 0, 7, 2], [3, 4, -1, -1], [-1, -1, -1, -1]])
RECORD = torch.tensor([[1.0, 0.3, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 0.1]])
SMALL = {"width": 8, "channels": 4, "windows": [1, 3]}


def network(fusion=None, **more):
    spec = {"kind": "report_text"} | SMALL | more
    if fusion:
        spec |= {"kind": "report_record", "fusion": fusion, "record": {"features": ["age_years"]}, "record_width": 8}
    spec = registry.resolve(spec)
    torch.manual_seed(3)
    made = registry.load(spec["kind"]).build(spec, 9, RECORD.shape[1], None).eval()
    for name, weight in made.named_parameters():
        if name.startswith("absent"):
            torch.nn.init.normal_(weight)
    return made


@pytest.mark.parametrize("fusion", [None, "concat", "gated", "cross_attention"])
def test_places_after_the_end_of_a_text_change_nothing(fusion):
    made = network(fusion)
    longer = torch.nn.functional.pad(TOKENS, (0, 5), value=-1)
    torch.testing.assert_close(made(longer, RECORD), made(TOKENS, RECORD))
    other = TOKENS.clone()
    other[1, 0] = 6
    moved = (made(other, RECORD) != made(TOKENS, RECORD)).tolist()
    assert moved == [False, True, False]


@pytest.mark.parametrize("fusion", ["concat", "gated", "cross_attention"])
def test_learned_vectors_stand_in_for_what_is_absent(fusion):
    made = network(fusion)
    before = made(TOKENS, RECORD)
    with torch.no_grad():
        made.absent_report += torch.linspace(-1, 1, len(made.absent_report))
    assert (made(TOKENS, RECORD) != before).tolist() == [False, False, True]
    before = made(TOKENS, RECORD)
    with torch.no_grad():
        made.absent_record += torch.linspace(-1, 1, len(made.absent_record))
    assert (made(TOKENS, RECORD) != before).tolist() == [False, True, False]
    older = RECORD.clone()
    older[:, 1] += 1
    older[1] = 0
    assert (made(TOKENS, older) != made(TOKENS, RECORD)).tolist() == [True, False, True]


def test_the_gate_is_told_where_there_are_both():
    logits, said = network("gated").answer(TOKENS, RECORD)
    share = said["gate_report_mean"]
    assert logits.shape == share.shape == (3,)
    assert 0 < share[0] < 1 and share[1:].isnan().all()
    assert network("concat").answer(TOKENS, RECORD)[1] == {}


@pytest.mark.parametrize("fusion", [None, "concat", "gated", "cross_attention"])
def test_an_explanation_can_start_from_embedded_tokens(fusion):
    made = network(fusion)
    embedded = made.embed(TOKENS).detach().requires_grad_()
    logits = made.answer_embedded(embedded, TOKENS >= 0, RECORD)[0]
    torch.testing.assert_close(logits, made(TOKENS, RECORD))
    logits.sum().backward()
    moved = embedded.grad.abs().sum(dim=2)
    assert (moved[TOKENS < 0] == 0).all() and (moved[:2].sum(dim=1) > 0).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"windows": [2]}, "odd numbers of tokens"),
        ({"fusion": "sum"}, "concat or gated or cross_attention"),
        ({"fusion": "cross_attention", "attention_heads": 3}, "divides record_width"),
        ({"record": {"features": []}}, "write kind: report_text"),
        ({"record": {"features": ["gcs"], "dropout": 0.6, "report_dropout": 0.4}}, "less than 1 for both"),
        ({"record": {"features": ["gcs"], "dropout": 1.0}}, "0 to less than 1"),
    ],
)
def test_settings_that_make_no_network_are_refused(settings, said):
    with pytest.raises(StudyError, match=said):
        spec = registry.resolve(
            {"kind": "report_record", "record": {"features": ["gcs"]}, "record_width": 8} | settings
        )
        registry.load(spec["kind"]).build(spec, 9, 3, None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    transformers = import_transformers()
    made = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(1)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=9, max_position_embeddings=32, **small)
    transformers.BertModel(config).save_pretrained(made)
    return made


def test_the_transformer_of_a_folder_is_taken_as_it_is(folder):
    description = folder_description(folder)
    encoder = FolderEncoder(description, fine_tune=False)
    said = start_from_folder(encoder, folder)
    assert said["folder"] == folder.name and list(said["sha256"]) == ["model.safetensors"]
    theirs = import_transformers().AutoModel.from_pretrained(folder, local_files_only=True).eval()
    inside = TOKENS >= 0
    places = encoder.train().places(encoder.embed(TOKENS), inside)  # its dropout stays off
    wanted = theirs(input_ids=TOKENS[:2].clamp(min=0), attention_mask=inside[:2].long()).last_hidden_state
    torch.testing.assert_close(places[:2][inside[:2]], wanted[inside[:2]])
    torch.testing.assert_close(encoder.pooled(places, inside)[1], wanted[1, :2].mean(dim=0))
    assert (encoder.pooled(places, inside)[2] == 0).all()
    assert not [weight for weight in encoder.parameters() if weight.requires_grad]
    assert all(weight.requires_grad for weight in FolderEncoder(description, fine_tune=True).parameters())


def test_a_folder_that_would_have_to_be_run_or_unpickled_is_refused(folder, tmp_path):
    description = folder_description(folder)
    with pytest.raises(StudyError, match="code of its own"):
        FolderEncoder(description | {"auto_map": {"AutoModel": "modeling.Mine"}}, fine_tune=False)
    with pytest.raises(StudyError, match="no model that transformers knows"):
        FolderEncoder(description | {"model_type": "of_nobody"}, fine_tune=False)
    encoder = FolderEncoder(description, fine_tune=False)
    (tmp_path / "config.json").write_text(json.dumps(description))
    torch.save(encoder.transformer.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(StudyError, match=r"no \.safetensors file"):
        start_from_folder(encoder, tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(StudyError, match="cannot be read"):
        start_from_folder(encoder, tmp_path)
    with pytest.raises(StudyError, match=r"has no config\.json"):
        folder_description(tmp_path / "nowhere")
