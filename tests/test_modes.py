"""Grad mode and inference mode: contexts, decorators, threads; what inference tensors forbid."""

import asyncio
import threading

import pytest

import xpgrad as xg

MODES = {
    "no_grad": (xg.no_grad, False, False),
    "enable_grad": (xg.enable_grad, True, False),
    "set_grad_enabled(True)": (lambda: xg.set_grad_enabled(True), True, False),
    "set_grad_enabled(False)": (lambda: xg.set_grad_enabled(False), False, False),
    "inference_mode": (xg.inference_mode, False, True),
    "inference_mode(False)": (lambda: xg.inference_mode(False), True, False),
}


def state():
    return xg.is_grad_enabled(), xg.is_inference_mode_enabled()


NORMAL = (True, False)


@pytest.fixture(autouse=True)
def _modes_are_put_back():
    assert state() == NORMAL
    yield
    assert state() == NORMAL


@pytest.fixture(params=MODES)
def made(request):
    make, *expected = MODES[request.param]
    return make, tuple(expected)


def leaf(*values):
    return xg.tensor(values, requires_grad=True)


# ------------------------------------------------------------------ contexts


def test_as_context(made):
    make, expected = made
    with make():
        assert state() == expected
    assert state() == NORMAL


def test_put_back_after_an_error(made):
    make, _ = made
    with pytest.raises(KeyError), make():
        {}[state()]
    assert state() == NORMAL


def test_nested():
    with xg.no_grad():
        with xg.enable_grad():
            assert state() == (True, False)
            with xg.no_grad():
                assert state() == (False, False)
            assert state() == (True, False)
        assert state() == (False, False)
        with xg.inference_mode():
            assert state() == (False, True)
            with xg.inference_mode(False):
                assert state() == (True, False)
            assert state() == (False, True)
        assert state() == (False, False)


def test_one_context_entered_twice():
    mode = xg.no_grad()
    with mode:
        with mode:
            pass
        assert state() == (False, False)
    assert state() == NORMAL


def test_recording_follows():
    x = leaf(1.0, 2.0)
    with xg.no_grad():
        assert not (x * 2.0).requires_grad
        with xg.enable_grad():
            assert (x * 2.0).requires_grad
        made = xg.tensor([1.0], requires_grad=True)
    assert made.requires_grad
    assert (made * 2.0).requires_grad
    with xg.set_grad_enabled(False):
        assert not (x * 2.0).requires_grad
    with xg.inference_mode():
        assert not (x * 2.0).requires_grad
        for attempt in (xg.enable_grad, lambda: xg.set_grad_enabled(True)):
            with attempt():
                assert not (x * 2.0).requires_grad
        with xg.inference_mode(False):
            assert (x * 2.0).requires_grad


def test_set_grad_enabled_as_a_function():
    xg.set_grad_enabled(False)
    assert state() == (False, False)
    xg.autograd.set_grad_enabled(True)
    assert state() == NORMAL


def test_set_grad_enabled_takes_a_bool():
    for wrong in ("yes", 1, None):
        with pytest.raises(TypeError, match="argument 'enabled' \\(position 1\\) must be bool"):
            xg.set_grad_enabled(wrong)


# ------------------------------------------------------------------ decorators


def test_as_decorator(made):
    make, expected = made

    @make()
    def f(a, *, b=2):
        """Text."""
        return a, b, state()

    assert state() == NORMAL
    assert f(1, b=3) == (1, 3, expected)
    assert f.__name__ == "f"
    assert f.__doc__ == "Text."
    assert state() == NORMAL


@pytest.mark.parametrize("bare", [xg.no_grad, xg.enable_grad, xg.inference_mode])
def test_as_decorator_without_parentheses(bare):
    @bare
    def f(a):
        return a, state()

    with bare():
        expected = state()
    assert f(1) == (1, expected)
    with xg.no_grad():
        assert f(1) == (1, expected)


def test_decorated_and_recursive():
    @xg.no_grad()
    def f(n):
        return [state(), *(f(n - 1) if n else ())]

    assert f(3) == [(False, False)] * 4


def test_decorated_methods():
    class Model:
        @xg.no_grad()
        def predict(self, x):
            return x * 2.0

        @staticmethod
        @xg.no_grad
        def other(x):
            return x * 2.0

    assert not Model().predict(leaf(1.0)).requires_grad
    assert not Model.other(leaf(1.0)).requires_grad


def test_an_error_in_a_decorated_function():
    @xg.no_grad()
    def f():
        raise KeyError

    with pytest.raises(KeyError):
        f()
    assert state() == NORMAL


def test_generators_keep_their_mode_to_themselves():
    closed = []

    @xg.no_grad()
    def numbers():
        try:
            got = yield state()
            yield got, state()
        except ValueError:
            yield "caught", state()
        finally:
            closed.append(state())

    run = numbers()
    assert next(run) == (False, False)
    assert state() == NORMAL
    assert run.send(4) == (4, (False, False))
    assert state() == NORMAL
    assert run.throw(ValueError) == ("caught", (False, False))
    assert state() == NORMAL
    run.close()
    assert closed == [(False, False)]


def test_generators_return_and_end():
    @xg.no_grad()
    def some():
        yield 1
        return state()

    def outer():
        return (yield from some())

    run = outer()
    assert next(run) == 1
    with pytest.raises(StopIteration) as stop:
        next(run)
    assert stop.value.value == (False, False)
    assert list(some()) == [1]


def test_a_generator_that_switches_inside():
    @xg.enable_grad()
    def some():
        yield state()
        yield state()

    with xg.no_grad():
        assert [(s, state()) for s in some()] == [((True, False), (False, False))] * 2


def test_coroutines_are_not_special():
    @xg.no_grad()
    async def f():
        return state()

    assert asyncio.run(f()) == NORMAL  # only the call that makes the coroutine is inside


# ------------------------------------------------------------------ threads


def test_modes_are_thread_local(made):
    make, expected = made
    seen = []
    with make():
        thread = threading.Thread(target=lambda: seen.append(state()))
        thread.start()
        thread.join()
        assert state() == expected
    assert seen == [NORMAL]


def test_threads_do_not_disturb_each_other():
    inside, go_on = threading.Event(), threading.Event()

    def work():
        with xg.no_grad():
            inside.set()
            go_on.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    assert inside.wait(10)
    assert state() == NORMAL
    go_on.set()
    thread.join()


# ------------------------------------------------------------------ inference tensors


@pytest.fixture
def inferred():
    with xg.inference_mode():
        return xg.tensor([1.0, 2.0])


def test_what_is_an_inference_tensor(inferred):
    x = leaf(1.0, 2.0)
    with xg.inference_mode():
        assert (x * 2.0).is_inference()
        with xg.inference_mode(False):
            assert not (x * 2.0).is_inference()
    assert inferred.is_inference()
    assert not x.is_inference()
    assert inferred.detach().is_inference()
    assert inferred.view(2, 1).is_inference()
    assert not (inferred * 2.0).is_inference()
    assert not inferred.clone().is_inference()


def test_inference_tensors_cannot_be_saved(inferred):
    x = leaf(1.0, 2.0)
    for f in (lambda: inferred * x, lambda: x * inferred, lambda: x / inferred):
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
            f()
    assert (inferred + x).requires_grad  # nothing to save
    assert (inferred.clone() * x).requires_grad


def test_inference_tensors_require_no_gradient_outside(inferred):
    text = "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
    with pytest.raises(RuntimeError) as e:
        inferred.requires_grad_()
    assert str(e.value) == text
    with pytest.raises(RuntimeError) as e:
        inferred.requires_grad = True
    assert str(e.value) == text
    with xg.inference_mode():
        inferred.requires_grad_()
        assert not (inferred * 2.0).requires_grad
    assert inferred.requires_grad
    assert (inferred * 2.0).requires_grad


def test_inference_tensors_have_no_version(inferred):
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        inferred._version


def test_inference_tensors_are_written_only_inside(inferred):
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside Inference"):
        inferred.mul_(2.0)
    with xg.inference_mode():
        inferred.mul_(2.0)
    assert inferred.tolist() == [2.0, 4.0]


def test_backward_in_inference_mode():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    with xg.inference_mode():
        y.backward()
        with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad"):
            (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0]


# ------------------------------------------------------------------ the same as PyTorch


@pytest.mark.oracle
def test_like_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")

    def program(t):
        found = []

        def note():
            found.append((t.is_grad_enabled(), t.is_inference_mode_enabled()))

        x = t.ones(2, requires_grad=True)
        with t.no_grad():
            note()
            t.set_grad_enabled(True)
            note()
        note()
        with t.set_grad_enabled(False):
            note()
            with t.inference_mode(False):
                note()
        with t.inference_mode():
            found.append((x * 2).requires_grad)
            y = t.ones(2, requires_grad=True)
            found.append((y.requires_grad, y.is_leaf, (y * 2).requires_grad))
        found.append((y * 2).requires_grad)

        @t.set_grad_enabled(False)
        def f():
            note()

        note()
        f()
        note()
        return found

    assert program(xg) == program(torch)
