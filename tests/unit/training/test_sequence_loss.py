"""Loss of sequence networks: against likelihoods counted by hand."""

import numpy as np
import pytest
import torch

from ichor.training.sequence_loss import Answers, Heads, summed_loss

GAP = np.nan
EVEN = Heads(True, [0.0] * 3, [[1.0, 1.0]] * 3, [True] * 3, [True] * 3)
LABELS = [[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0], [1, GAP, 0], [GAP, GAP, 0], [GAP, 1, GAP], [1, GAP, GAP]]


@pytest.mark.parametrize("labels", LABELS)
def test_the_unweighted_loss_is_the_likelihood_of_all_that_the_labels_allow(labels):
    logits = torch.tensor([0.3, -0.8, 1.1], dtype=torch.float64)
    own = (1 / (1 + np.exp(-logits.numpy()))).tolist()
    likelihood = 0.0
    for reached in range(4):  # how many targets the patient truly reaches, one after the other
        truth = [1] * reached + [0] * (3 - reached)
        if all(np.isnan(label) or label == true for label, true in zip(labels, truth, strict=True)):
            missed = 1 - own[reached] if reached < 3 else 1.0
            likelihood += float(np.prod(own[:reached])) * missed
    found = summed_loss(logits[None, None], Answers.of(np.array([[labels]]), nested=True), EVEN, weighted=False)
    assert float(found) == pytest.approx(-np.log(likelihood), abs=1e-6)


def test_unknown_outcomes_add_nothing():
    rng = np.random.default_rng(2)
    labels = np.array([LABELS], dtype=float)
    outputs = torch.tensor(rng.normal(size=(1, 8, 3)))
    own = summed_loss(outputs, Answers.of(labels, nested=True), EVEN)
    more = torch.cat([outputs, torch.full((1, 3, 3), 7.0, dtype=torch.float64)], dim=1).requires_grad_()
    padded = np.concatenate([labels, np.full((1, 3, 3), GAP)], axis=1)
    total = summed_loss(more, Answers.of(padded, nested=True), EVEN)
    total.backward()
    assert float(total.detach()) == pytest.approx(float(own), abs=1e-12)
    assert (more.grad[:, 8:] == 0).all() and (more.grad[:, :8] != 0).any()


@pytest.mark.parametrize("rarity", [0.0, 0.5, 1.0])
def test_rare_answers_weigh_more_and_probabilities_stay_those_of_the_patients(rarity):
    labels = np.array([[[1.0]]] * 36 + [[[0.0]]] * 4)  # 10 % have the rarer answer
    heads = Heads.counted(labels, True, rarity)
    weights = np.array(heads.weight[0])
    assert weights[0] / weights[1] == pytest.approx(9**rarity)
    assert (weights * [4, 36]).sum() == pytest.approx(40)  # their mean over the rows is 1
    output = torch.zeros((1, 1, 1), requires_grad=True)
    optimizer = torch.optim.LBFGS([output], max_iter=100, tolerance_grad=1e-10)

    def loss():
        optimizer.zero_grad()
        made = summed_loss(output.expand(40, 1, 1), Answers.of(labels, nested=True), heads)
        made.backward()
        return made

    optimizer.step(loss)
    assert float(heads.probability(output.detach())) == pytest.approx(0.9, abs=1e-4)


def test_a_head_with_too_few_of_one_answer_gives_the_base_rate_and_an_unknown_target_is_not_answered():
    reached = [[1, 1, 1]] * 10 + [[0, 0, 0]] * 5 + [[1, 1, 0]] * 5  # all who live 30 days live 180
    heads = Heads.counted(np.array(reached, dtype=float)[:, None], True, 0.5)
    assert heads.learned == [True, False, True] and heads.answered == [True, True, True]
    made = [heads.probability(torch.full((1, 1, 3), value)) for value in (-2.0, 2.0)]
    follows = [float(each[0, 0, 1] / each[0, 0, 0]) for each in made]
    assert follows == pytest.approx([15.5 / 16] * 2)  # 15 of 15, one half added to both answers
    alive = Heads.counted(np.array([[[1.0, 0.0]]] * 5 + [[[1.0, 1.0]]] * 5), True, 0.5)
    assert alive.answered == [False, True]
