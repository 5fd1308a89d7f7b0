"""The tape: what autograd keeps, and when memory is highest, on examples counted by hand."""

from hypothesis import given
from hypothesis import strategies as st

from ftui.core.fit.tape import ACTIVATION, GRADIENT, KINDS, Played, Tape, highest


def test_a_chain_keeps_what_its_backward_reads():
    tape = Tape(100)
    a = tape.op((0,), 200)  # a cast: keeps nothing
    b = tape.op((a,), 300, (a,))  # keeps its input
    tape.op((b,), 50, save_output=True)  # keeps its output
    played = Played(tape)
    assert played.saved[ACTIVATION] == 200 + 50
    assert not played.input_saved
    # Forward: input of each operation lives beside its output; what is kept stays.
    assert sum(played.forward_peak) == 200 + 300 + 50
    assert sum(played.passing_peak) == 200 + 300
    # Backward: everything kept and the gradient of the output; then gradients replace what is let go.
    assert sum(played.backward_peak) == max(250 + 50 + 300, 200 + 300 + 200)


def test_an_addition_hands_its_gradient_on_without_a_copy():
    tape = Tape(100)
    branch = tape.op((0,), 100, (0,))
    tape.op((0, branch), 100, shares_grad=True)
    played = Played(tape)
    assert played.input_saved and sum(played.saved) == 0
    # The output's gradient serves both sides; only the branch adds one for the input.
    assert sum(played.backward_peak) == 100 + 100


def test_gradients_of_weights_stay():
    tape = Tape(10)
    tape.op((0,), 10, (0,), trains=True, grad_bytes=1000)
    events, _, _ = tape.backward(tape.saved_by())
    assert sum(size for _, size, kind in events if kind == GRADIENT) == 1000


def test_a_gradient_in_another_dtype_exists_twice_for_a_moment():
    tape = Tape(10)
    tape.op((0,), 10, (0,), trains=True, grad_bytes=1000, grad_copy=500)
    assert Played(tape).backward_peak[GRADIENT] == 1500


def test_nothing_is_kept_for_what_needs_no_gradient():
    tape = Tape(10)
    mask = tape.constant(40)
    other = tape.op((mask,), 40, (mask,))
    assert sum(Played(tape).saved) == 0
    tape.op((0, other), 10, (other,))
    assert sum(Played(tape).saved) == 40


def test_workspaces_count_only_while_they_exist():
    tape = Tape(10)
    tape.op((0,), 10, (0,), workspace=70, forward_workspace=30)
    played = Played(tape)
    assert sum(played.forward_peak) == 40
    assert sum(played.backward_peak) == 10 + 10 + 70


def test_a_recomputed_pass_stops_when_all_is_there():
    tape = Tape(10)
    kept = tape.op((0,), 100, save_output=True)
    tape.op((kept,), 5000)
    played = Played(tape)
    assert sum(played.recomputed_peak) == 100 + 100  # beside the gradient of what was kept
    assert sum(highest(tape.forward(tape.saved_by(), stop_early=True))) == 100


chains = st.lists(
    st.tuples(st.integers(1, 1000), st.booleans(), st.booleans(), st.integers(0, 3)), min_size=1, max_size=25
)


@given(st.integers(1, 1000), chains)
def test_every_allocation_is_freed_but_what_is_left_for_others(first, chain):
    tape, last = Tape(first), 0
    for size, keep_input, keep_output, back in chain:
        other = max(0, last - back)
        last = tape.op((last, other), size, (last,) if keep_input else (), save_output=keep_output)
    saved_by = tape.saved_by()
    live = {}
    for name, size, _ in tape.forward(saved_by):
        live[name] = live.get(name, 0) + size
        assert live[name] >= 0
    kept = {name for name, size in live.items() if size and name >= 0}
    assert kept == ({*saved_by, tape.output} - {0})
    played = Played(tape)
    assert sum(played.backward_peak) >= sum(played.saved) and len(played.saved) == KINDS
    live = {name: tape.size(name) for name in saved_by if name}
    live[tape.output_gradient] = tape.size(tape.output)
    events, _, left = tape.backward(saved_by)
    for name, size, _ in events:
        live[name] = live.get(name, 0) + size
        assert live[name] >= 0
    assert {name for name, size in live.items() if size} == {left}
