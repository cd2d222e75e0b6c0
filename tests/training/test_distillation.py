"""What early exits learn from the last one."""

import pytest
import torch
import torch.nn.functional as F

from interim.training.distillation import LESSONS, Lesson, lesson_loss

GENERATOR = torch.Generator().manual_seed(5)
STUDENT, TEACHER = (torch.randn(2, 4, 3, 5, generator=GENERATOR) for _ in range(2))
LABELS = torch.randint(0, 4, (2, 3, 5), generator=GENERATOR)
LABELS[0, 0] = 255
RIGHT = TEACHER.argmax(1)


def test_cross_entropy_is_the_field_s() -> None:
    """A mean over labelled pixels, whatever the last exit says."""
    expected = F.cross_entropy(STUDENT, LABELS, ignore_index=255)
    assert lesson_loss(LESSONS["ce"], STUDENT, TEACHER, LABELS).item() == pytest.approx(expected.item())
    assert lesson_loss(LESSONS["ce"], STUDENT, -TEACHER, LABELS).item() == pytest.approx(expected.item())


def test_distillation_vanishes_for_the_same_answer() -> None:
    """And is never below nothing; the truth has no part in it."""
    assert lesson_loss(LESSONS["kd"], TEACHER, TEACHER, LABELS).item() == pytest.approx(0, abs=1e-6)
    other = torch.where(LABELS == 255, LABELS, (LABELS + 1) % 4)
    found = [lesson_loss(LESSONS["kd"], STUDENT, TEACHER, each).item() for each in (LABELS, other)]
    assert found[0] == found[1] > 0


def test_the_filter_leaves_out_what_the_last_exit_gets_wrong() -> None:
    """Where it is right everywhere, PFD is CE + KD; where it is wrong everywhere, only distillation is left."""
    for alpha in (0.25, 0.5):
        plain, filtered = (Lesson(alpha=alpha, filtered=each) for each in (False, True))
        both = [lesson_loss(each, STUDENT, TEACHER, RIGHT).item() for each in (plain, filtered)]
        assert both[0] == pytest.approx(both[1])
        wrong = (RIGHT + 1) % 4
        left = (1 - alpha) * lesson_loss(LESSONS["kd"], STUDENT, TEACHER, wrong).item()
        assert lesson_loss(filtered, STUDENT, TEACHER, wrong).item() == pytest.approx(left)


@pytest.mark.parametrize("name", LESSONS)
def test_only_the_early_exit_learns(name: str) -> None:
    """Nothing flows back into the last exit, and unlabelled pixels move nothing."""
    student, teacher = STUDENT.clone().requires_grad_(), TEACHER.clone().requires_grad_()
    lesson_loss(LESSONS[name], student, teacher, LABELS).backward()  # type: ignore[no-untyped-call]
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad[0, :, 0].abs().max() == 0 < student.grad.abs().max()


@pytest.mark.parametrize("name", LESSONS)
def test_a_batch_without_labels_costs_nothing(name: str) -> None:
    """All void: zero, and finite gradients."""
    student = STUDENT.clone().requires_grad_()
    loss = lesson_loss(LESSONS[name], student, TEACHER, torch.full_like(LABELS, 255))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert student.grad is not None
    assert student.grad.abs().max() == 0
