"""What tutorials of autograd do, as programs: run with `torch` standing for xpgrad, each prints
what PyTorch prints, letter for letter.

The expected text stands below each program. Where PyTorch is installed the program is run with it
too, so that the text is PyTorch's own (but for the module's name in front of dtypes and sizes).
"""

from __future__ import annotations

import contextlib
import io
import textwrap

import pytest

import xpgrad

PROGRAMS = {
    "creating": (
        """
        x = torch.tensor(3.0, requires_grad=True)
        print(x, x.requires_grad, x.dtype)
        print(torch.tensor([0.57, 0.86, 0.95], requires_grad=True))
        print(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        print(torch.arange(4.0))
        print(torch.ones(2, 2, requires_grad=True))
        print(torch.linspace(0, 10, steps=5))
        print(torch.tensor([1, 2, 3], dtype=torch.float32))
        print(torch.tensor([1.5, 2], dtype=torch.float64))
        print(torch.randn(3).shape, torch.randn(size=()).shape, torch.randn(size=()).requires_grad)
        print(torch.zeros(3, requires_grad=True).grad)
        """,
        """
        tensor(3., requires_grad=True) True xpgrad.float32
        tensor([0.5700, 0.8600, 0.9500], requires_grad=True)
        tensor([[1., 2.],
                [3., 4.]])
        tensor([0., 1., 2., 3.])
        tensor([[1., 1.],
                [1., 1.]], requires_grad=True)
        tensor([ 0.0000,  2.5000,  5.0000,  7.5000, 10.0000])
        tensor([1., 2., 3.])
        tensor([1.5000, 2.0000], dtype=xpgrad.float64)
        xpgrad.Size([3]) xpgrad.Size([]) False
        None
        """,
    ),
    "scalar backward": (
        """
        x = torch.tensor(4.0, requires_grad=True)
        y = 3 * x**2 + 2 * x + 1
        print(y)
        print(y.item())
        y.backward()
        print(x.grad)

        x = torch.tensor(2.0, requires_grad=True)
        a = x**2
        b = 3 * a + 5
        c = torch.sin(b)
        d = 2 * c
        d.backward()
        print(d.item(), x.grad.item())
        """,
        """
        tensor(57., grad_fn=<AddBackward0>)
        57.0
        tensor(26.)
        -1.9227949380874634 -6.6039204597473145
        """,
    ),
    "grad_fn": (
        """
        x = torch.ones(2, 2, requires_grad=True)
        y = x + 2
        z = y * y * 3
        print(y)
        print(z)
        print(z.mean())
        print(z.sum())
        print(x**2)
        print(y.grad_fn.name(), x.grad_fn, z.grad_fn.next_functions[0][0].name())
        print((x - 1).grad_fn.name(), (1 - x).grad_fn.name(), (-x).grad_fn.name())
        print(x @ x)
        print(x / 4, torch.exp(x).grad_fn.name(), x.t().grad_fn.name(), x[0].grad_fn.name())
        """,
        """
        tensor([[3., 3.],
                [3., 3.]], grad_fn=<AddBackward0>)
        tensor([[27., 27.],
                [27., 27.]], grad_fn=<MulBackward0>)
        tensor(27., grad_fn=<MeanBackward0>)
        tensor(108., grad_fn=<SumBackward0>)
        tensor([[1., 1.],
                [1., 1.]], grad_fn=<PowBackward0>)
        AddBackward0 None MulBackward0
        SubBackward0 RsubBackward1 NegBackward0
        tensor([[2., 2.],
                [2., 2.]], grad_fn=<MmBackward0>)
        tensor([[0.2500, 0.2500],
                [0.2500, 0.2500]], grad_fn=<DivBackward0>) ExpBackward0 TBackward0 SelectBackward0
        """,
    ),
    "not a scalar": (
        """
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        try:
            (x * 2).backward()
        except RuntimeError as error:
            print(error)
        try:
            torch.ones(()).backward()
        except RuntimeError as error:
            print(error)
        y = (x * x).sum()
        y.backward()
        try:
            y.backward()
        except RuntimeError as error:
            print(str(error)[:54])
        """,
        """
        grad can be implicitly created only for scalar outputs
        element 0 of tensors does not require grad and does not have a grad_fn
        Trying to backward through the graph a second time (or
        """,
    ),
    "vector-Jacobian": (
        """
        x = torch.ones(3, requires_grad=True)
        y = 3 * (x + 2) ** 2
        y.backward(torch.tensor([0.1, 1.0, 0.001]))
        print(x.grad)
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        (3 * x**2).backward(gradient=torch.tensor([1.0, 10.0]))
        print(x.grad)
        """,
        """
        tensor([1.8000e+00, 1.8000e+01, 1.8000e-02])
        tensor([  6., 120.])
        """,
    ),
    "mean": (
        """
        x = torch.ones(2, 2, requires_grad=True)
        out = (3 * (x + 2) ** 2).mean()
        out.backward()
        print(out)
        print(x.grad)
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        (x**2).mean().backward()
        print(x.grad)
        """,
        """
        tensor(27., grad_fn=<MeanBackward0>)
        tensor([[4.5000, 4.5000],
                [4.5000, 4.5000]])
        tensor([0.6667, 1.3333, 2.0000])
        """,
    ),
    "Jacobian": (
        """
        def f(x):
            return torch.stack([x[0] * x[1], x[1] ** 2, x[2] + x[0]])

        x = torch.tensor([1.0, 2.0, 3.0])
        print(f(x))
        print(torch.autograd.functional.jacobian(f, x))
        """,
        """
        tensor([2., 4., 4.])
        tensor([[2., 1., 0.],
                [0., 4., 0.],
                [1., 0., 1.]])
        """,
    ),
    "custom Function": (
        """
        class Square(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**2

            @staticmethod
            def backward(ctx, grad):
                (x,) = ctx.saved_tensors
                return grad * 2 * x

        x = torch.tensor(3.0, requires_grad=True)
        y = Square.apply(x)
        print(y)
        y.backward()
        print(y.item(), x.grad)
        """,
        """
        tensor(9., grad_fn=<SquareBackward>)
        9.0 tensor(6.)
        """,
    ),
    "broadcasting, retain_grad": (
        """
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = torch.tensor([[4.0], [5.0]], requires_grad=True)
        z = x * y + y**2
        z.retain_grad()
        z.sum().backward()
        print(z)
        print(x.grad)
        print(y.grad)
        print(z.grad)
        print(z.detach())
        """,
        """
        tensor([[20., 24., 28.],
                [30., 35., 40.]], grad_fn=<AddBackward0>)
        tensor([9., 9., 9.])
        tensor([[30.],
                [36.]])
        tensor([[1., 1., 1.],
                [1., 1., 1.]])
        tensor([[20., 24., 28.],
                [30., 35., 40.]])
        """,
    ),
    "stopping history": (
        """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        print(x.requires_grad, (x * 2).requires_grad)
        with torch.no_grad():
            y = x * 2
        print(y, y.requires_grad)
        print(x.detach(), x.detach().requires_grad)
        x.requires_grad_(False)
        print(x, (x * 2).requires_grad)
        x.requires_grad_(True)
        print(x)

        @torch.no_grad()
        def double(x):
            return x * 2

        print(double(x).requires_grad)
        print((x.detach() * x).sum().grad_fn.name())
        """,
        """
        True True
        tensor([2., 4.]) False
        tensor([1., 2.]) False
        tensor([1., 2.]) False
        tensor([1., 2.], requires_grad=True)
        False
        SumBackward0
        """,
    ),
    "accumulation": (
        """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        for _ in range(3):
            (x * x).sum().backward()
            print(x.grad)
        x.grad.zero_()
        print(x.grad)
        (x * 3).sum().backward()
        print(x.grad)
        x.grad = None
        print(x.grad)

        w = torch.tensor(5.0, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        for _ in range(2):
            optimizer.zero_grad()
            (w * w).backward()
            print(w.grad)
            optimizer.step()
        print(w)
        """,
        """
        tensor([2., 4.])
        tensor([4., 8.])
        tensor([ 6., 12.])
        tensor([0., 0.])
        tensor([3., 3.])
        None
        tensor(10.)
        tensor(8.)
        tensor(3.2000, requires_grad=True)
        """,
    ),
    "control flow": (
        """
        def f(a):
            b = a * 2
            while b.norm() < 1000:
                b = b * 2
            if b.sum() > 0:
                c = b
            else:
                c = 100 * b
            return c

        for start in (0.3, -1.5):
            a = torch.tensor(start, requires_grad=True)
            d = f(a)
            d.backward()
            print(d, a.grad, a.grad == d / a)
        """,
        """
        tensor(1228.8000, grad_fn=<MulBackward0>) tensor(4096.) tensor(True)
        tensor(-153600., grad_fn=<MulBackward0>) tensor(102400.) tensor(True)
        """,
    ),
    "dot": (
        """
        x = torch.arange(4.0)
        x.requires_grad_(True)
        y = 2 * torch.dot(x, x)
        print(x, y)
        y.backward()
        print(x.grad)
        print(x.grad == 4 * x)
        x.grad.zero_()
        x.sum().backward()
        print(x.grad)
        """,
        """
        tensor([0., 1., 2., 3.], requires_grad=True) tensor(28., grad_fn=<MulBackward0>)
        tensor([ 0.,  4.,  8., 12.])
        tensor([True, True, True, True])
        tensor([1., 1., 1., 1.])
        """,
    ),
    "a neuron by hand and by autograd": (
        """
        x, y = torch.tensor(6.7), torch.tensor(0.0)
        w, b = torch.tensor(1.0), torch.tensor(0.0)

        def loss(p, y):
            p = torch.clamp(p, 1e-8, 1 - 1e-8)
            return -(y * torch.log(p) + (1 - y) * torch.log(1 - p))

        z = w * x + b
        p = torch.sigmoid(z)
        print(loss(p, y))
        dL_dp = (p - y) / (p * (1 - p))
        dL_dw = dL_dp * (p * (1 - p)) * x
        dL_db = dL_dp * (p * (1 - p))
        print(f"by hand: dL/dw {dL_dw:.4f}, dL/db {dL_db:.4f}")

        w, b = torch.tensor(1.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)
        z = w * x + b
        print(z)
        p = torch.sigmoid(z)
        print(p)
        L = loss(p, y)
        print(L)
        L.backward()
        print(w.grad, b.grad)
        print(f"loss {L:.4f}, dL/dw {w.grad:.4f}, dL/db {b.grad.item():.4f}")
        """,
        """
        tensor(6.7012)
        by hand: dL/dw 6.6918, dL/db 0.9988
        tensor(6.7000, grad_fn=<AddBackward0>)
        tensor(0.9988, grad_fn=<SigmoidBackward0>)
        tensor(6.7012, grad_fn=<NegBackward0>)
        tensor(6.6918) tensor(0.9988)
        loss 6.7012, dL/dw 6.6918, dL/db 0.9988
        """,
    ),
    "derivatives on a grid": (
        """
        x = torch.linspace(0.0, 3.0, 4, requires_grad=True)
        y = torch.sin(x)
        y.sum().backward()
        print(x.grad)
        print(torch.allclose(x.grad, torch.cos(x)))

        x = torch.linspace(1.0, 4.0, 4, requires_grad=True)
        y = torch.log(x**2) * torch.sin(x) + 1 / x
        print(y)
        y.backward(torch.ones_like(y))
        exact = 2 * torch.sin(x) / x + torch.log(x**2) * torch.cos(x) - 1 / x**2
        print(x.grad)
        print(torch.allclose(x.grad, exact))
        try:
            y.numpy()
        except RuntimeError as error:
            print(error)
        print(y.detach().numpy().dtype)
        """,
        """
        tensor([ 1.0000,  0.5403, -0.4161, -0.9900])
        True
        tensor([ 1.0000,  1.7606,  0.6434, -1.8483], grad_fn=<AddBackward0>)
        tensor([ 0.6829,  0.0824, -2.1923, -2.2532])
        True
        Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.
        float32
        """,
    ),
    "training": (
        """
        X = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
        Y = 2 * X - 1
        w = torch.zeros(1, 1, requires_grad=True)
        b = torch.zeros(1, requires_grad=True)
        for epoch in range(200):
            loss = ((X @ w + b - Y) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                w -= 0.05 * w.grad
                b -= 0.05 * b.grad
                w.grad.zero_()
                b.grad.zero_()
            if epoch % 50 == 0:
                print(f"epoch {epoch}: loss {loss.item():.4f}")
        print(w, b)

        model = torch.nn.Linear(1, 1)
        with torch.no_grad():
            model.weight.fill_(0.5)
            model.bias.zero_()
        print(model)
        print(model.weight)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        criterion = torch.nn.MSELoss()
        for epoch in range(200):
            loss = criterion(model(X), Y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(loss)
        print(model(torch.tensor([[5.0]])))
        """,
        """
        epoch 0: loss 21.0000
        epoch 50: loss 0.0838
        epoch 100: loss 0.0186
        epoch 150: loss 0.0041
        tensor([[1.9749]], requires_grad=True) tensor([-0.9262], requires_grad=True)
        Linear(in_features=1, out_features=1, bias=True)
        Parameter containing:
        tensor([[0.5000]], requires_grad=True)
        tensor(0.0008, grad_fn=<MseLossBackward0>)
        tensor([[8.9536]], grad_fn=<AddmmBackward0>)
        """,
    ),
}


def printed(code: str, torch: object) -> str:
    """What a program prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(textwrap.dedent(code), "tutorial", "exec"), {"torch": torch})
    return out.getvalue()


@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_what_is_expected(name):
    code, expected = PROGRAMS[name]
    assert printed(code, xpgrad) == textwrap.dedent(expected).lstrip("\n")


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_prints_what_pytorch_prints(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the oracle here")
    code, expected = PROGRAMS[name]
    theirs = printed(code, torch).replace("torch.", "xpgrad.")
    assert theirs == textwrap.dedent(expected).lstrip("\n")


def test_plots():
    """matplotlib takes tensors as they are."""
    matplotlib = pytest.importorskip(
        "matplotlib", reason="matplotlib comes with the extra examples"
    )
    matplotlib.use("agg")
    from matplotlib import pyplot

    x = xpgrad.linspace(-3, 3, 50, requires_grad=True)
    y = xpgrad.sin(x)
    y.sum().backward()
    figure, axes = pyplot.subplots()
    (curve,) = axes.plot(x.detach(), y.detach(), label="sin")
    (slope,) = axes.plot(x.detach(), x.grad, label="its derivative")
    assert curve.get_ydata().tolist() == y.tolist()
    assert slope.get_ydata().tolist() == x.grad.tolist()
    pyplot.close(figure)


def test_the_graph_as_a_picture():
    pytest.importorskip("graphviz", reason="graphviz comes with the extra viz")
    x = xpgrad.tensor([1.0, 2.0], requires_grad=True)
    y = (x**2).mean()
    source = str(xpgrad.viz.make_dot(y, params={"x": x}).source)
    for word in ("MeanBackward0", "PowBackward0", 'label="x'):
        assert word in source
    assert source.count("->") == 3


def test_every_row_of_the_request_is_here():
    """A program that prints nothing would pass unseen."""
    assert len(PROGRAMS) == 16
    for code, expected in PROGRAMS.values():
        assert code.count("print") <= expected.count("\n") + 3
        assert expected.strip()
