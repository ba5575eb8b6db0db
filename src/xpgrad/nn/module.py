"""Module: parameters, buffers and other modules under one roof."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

from xpgrad import dtypes
from xpgrad.device import device as Device
from xpgrad.mode import no_grad
from xpgrad.nn.hooked import Hooked
from xpgrad.nn.parameter import Buffer, Parameter, typename
from xpgrad.tensor import Tensor


class _IncompatibleKeys(NamedTuple):
    """What `Module.load_state_dict` found nothing for, and what it had no use for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self[0]}, unexpected_keys={self[1]})"


class Module(Hooked):
    """Base class of everything that has parameters.

    Call ``super().__init__()`` first, assign parameters and modules as attributes, and define
    ``forward``. Calling the module runs its hooks and ``forward``.

    >>> import xpgrad as xg
    >>> class Line(xg.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.slope = xg.nn.Parameter(xg.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> Line()(xg.tensor(3.0))
    tensor(6., grad_fn=<MulBackward0>)
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]
    _shown: ClassVar[tuple[str, ...]] = ()  # the settings that `extra_repr` shows

    def __init__(self) -> None:
        # Straight into the instance: `__setattr__` looks into these.
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _transient=set(),  # buffers that state_dict leaves out
            _modules={},
            _forward_hooks=OrderedDict(),
            _forward_pre_hooks=OrderedDict(),
            _backward_hooks=OrderedDict(),
            _backward_pre_hooks=OrderedDict(),
        )

    # ---------------------------------------------------------------- attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        try:
            return own["_parameters"][name]  # nearly always
        except KeyError:
            pass
        for kind in ("_buffers", "_modules"):
            members = own.get(kind)
            if members is not None and name in members:
                return members[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if isinstance(value, Parameter):
            if "_parameters" not in own:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, but="_parameters")  # which keeps its place
            self.register_parameter(name, value)
        elif value is not None and name in own.get("_parameters", ()):
            raise TypeError(
                f"cannot assign '{typename(value)}' as parameter '{name}' "
                "(xpgrad.nn.Parameter or None expected)"
            )
        elif isinstance(value, Module):
            if "_modules" not in own:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, but="_modules")
            self._modules[name] = value
        elif name in own.get("_parameters", ()):
            self._parameters[name] = None
        elif name in own.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' "
                    "(xpgrad.nn.Module or None expected)"
                )
            self._modules[name] = None
        elif isinstance(value, Buffer):
            self.register_buffer(name, value, value.persistent)
        elif name in own.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(xpgrad.Tensor or None expected)"
                )
            self._buffers[name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def _forget(self, name: str, but: str = "") -> bool:
        """Drop what `name` stands for, whatever it is, `but` for one kind."""
        own = self.__dict__
        self._transient.discard(name)
        kinds = [own[kind] for kind in ("_parameters", "_buffers", "_modules") if kind != but]
        gone = [kind.pop(name, _NOTHING) for kind in (*kinds, own)]
        return any(value is not _NOTHING for value in gone)

    def __dir__(self) -> list[str]:
        members = [*self._parameters, *self._buffers, *self._modules]
        return sorted({*super().__dir__(), *(name for name in members if name.isidentifier())})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name; `None` is a parameter that is not there."""
        self._check_name("parameter", name, self.__dict__.get("_parameters"))
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(xpgrad.nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, compute "
                "the value in the forward() method."
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that moves with the module and is not trained.

        It is saved with it too, unless `persistent` is false.
        """
        self._check_name("buffer", name, self.__dict__.get("_buffers"))
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                "(xpgrad Tensor or None required)"
            )
        self._buffers[name] = tensor
        if persistent:
            self._transient.discard(name)
        else:
            self._transient.add(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a child module under a name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{typename(module)} is not a Module subclass")
        self._check_name("module", name, self.__dict__.get("_modules"))
        self._modules[name] = module

    add_module = register_module

    def _check_name(self, kind: str, name: Any, members: Mapping[str, Any] | None) -> None:
        if members is None:
            plural = "parameters" if kind == "parameter" else kind
            raise AttributeError(f"cannot assign {plural} before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
        if "." in name:
            got = f", got: {name}" if kind == "module" else ""
            raise KeyError(f'{kind} name can\'t contain "."{got}')
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')
        if hasattr(self, name) and name not in members:
            raise KeyError(f"attribute '{name}' already exists")

    # ---------------------------------------------------------------- what is inside

    def named_modules(
        self,
        memo: set[Module] | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Module]]:
        """All modules with their dotted names, this one first, each only once."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, child in self._modules.items():
            if child is not None:
                inner = f"{prefix}.{name}" if prefix else name
                yield from child.named_modules(memo, inner, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """All modules, this one first."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly inside, with their names."""
        seen = set()
        for name, child in self._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Module]:
        """The modules directly inside."""
        return (child for _, child in self.named_children())

    def _named(
        self, kind: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for path, module in modules:
            for name, value in module.__dict__[kind].items():
                if value is None or (remove_duplicate and value in seen):
                    continue
                seen.add(value)
                yield f"{path}.{name}" if path else name, value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their dotted names.

        >>> import xpgrad as xg
        >>> [name for name, p in xg.nn.Sequential(xg.nn.Linear(2, 3)).named_parameters()]
        ['0.weight', '0.bias']
        """
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters: what an optimizer is given."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their dotted names."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with a dotted name; the empty name is this one.

        Raises:
            AttributeError: where there is none.
        """
        found = self
        for name in target.split(".") if target else ():
            if not hasattr(found, name):
                raise AttributeError(f"{type(found).__name__} has no attribute `{name}`")
            found = getattr(found, name)
            if not isinstance(found, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name."""
        found: Parameter = self._member(target, "_parameters", "an nn.Parameter")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with a dotted name."""
        found: Tensor = self._member(target, "_buffers", "a buffer")
        return found

    def _member(self, target: str, kind: str, what: str) -> Any:
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
        if name not in module.__dict__[kind]:
            raise AttributeError(f"`{name}` is not {what}")
        return module.__dict__[kind][name]

    # ---------------------------------------------------------------- saving and loading

    def state_dict(
        self,
        *,
        destination: dict[str, Any] | None = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by dotted name.

        The tensors share memory with the module; they are detached unless `keep_vars`.

        >>> import xpgrad as xg
        >>> {name: t.shape for name, t in xg.nn.Linear(2, 3).state_dict().items()}
        {'weight': xpgrad.Size([3, 2]), 'bias': xpgrad.Size([3])}
        """
        out = OrderedDict() if destination is None else destination
        for name, value in self._own_state():
            out[prefix + name] = value if keep_vars else value.detach()
        for name, child in self._modules.items():
            if child is not None:
                child.state_dict(destination=out, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        return out

    def _own_state(self) -> Iterator[tuple[str, Any]]:
        for name, value in (*self._parameters.items(), *self._buffers.items()):
            if value is not None and name not in self._transient:
                yield name, value

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Write the values of a state dict into this module, whatever their device and dtype.

        Nothing is written unless everything fits.

        Args:
            state_dict: values by dotted name.
            strict: the names have to be exactly this module's.
            assign: take the tensors themselves, with their dtype and device, instead of copying.

        Raises:
            RuntimeError: naming all missing and unexpected keys and all shapes that differ.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        own = self.state_dict(keep_vars=True)
        missing = [key for key in own if key not in state_dict]
        unexpected = [key for key in state_dict if key not in own]
        faults = []
        if strict and unexpected:
            faults.append(f"Unexpected key(s) in state_dict: {_quoted(unexpected)}. ")
        if strict and missing:
            faults.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}. ")
        for key, target in own.items():
            value = state_dict.get(key, target)
            if hasattr(target, "materialize") and value is not target:  # of a lazy module
                target.materialize(value.shape)
            if not isinstance(value, Tensor):
                faults.append(
                    f'While copying the parameter named "{key}", expected xpgrad.Tensor from '
                    f"checkpoint but received {type(value)}"
                )
            elif value.shape != target.shape:
                faults.append(
                    f"size mismatch for {key}: copying a param with shape {value.shape} from "
                    f"checkpoint, the shape in current model is {target.shape}."
                )
        if faults:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(faults)
            )
        with no_grad():
            for key, target in own.items():
                if key not in state_dict:
                    continue
                if assign:
                    self._assign(key, target, state_dict[key])
                else:
                    # Cast first: the device may not have the dtype of the checkpoint.
                    target.copy_(state_dict[key].detach().to(dtype=target.dtype))
        return _IncompatibleKeys(missing, unexpected)

    def _assign(self, key: str, target: Tensor, value: Tensor) -> None:
        path, _, name = key.rpartition(".")
        module = self.get_submodule(path)
        if isinstance(target, Parameter):
            if not isinstance(value, Parameter):
                value = Parameter(value, requires_grad=target.requires_grad)
            value.requires_grad_(target.requires_grad)
            module._parameters[name] = value
        else:
            module._buffers[name] = value

    # ---------------------------------------------------------------- changing everything inside

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call ``fn(module)`` on every module inside, this one last."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor]) -> Self:
        """Replace parameters, their gradients and buffers by ``fn`` of them, in place."""
        with no_grad():
            for p in self.parameters():
                p.data = fn(p.data)
                if p.grad is not None:
                    p.grad.data = fn(p.grad.data)
            for module in self.modules():
                for name, b in module._buffers.items():
                    if b is not None:
                        module._buffers[name] = fn(b)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move to a device and cast to a dtype, in place: ``to("cuda")``, ``to(xg.float64)``,
        ``to(other_tensor)``. Integer buffers keep their dtype.

        Raises:
            TypeError: for a dtype that is not floating-point or complex.
        """
        device, dtype = _target(*args, **kwargs)

        def move(t: Tensor) -> Tensor:
            wanted: dict[str, Any] = {} if device is None else {"device": device}
            if dtype is not None and t.dtype.is_differentiable:
                wanted["dtype"] = dtype
            moved: Tensor = t.to(**wanted)
            return moved

        return self._apply(move)

    def cpu(self) -> Self:
        """Move to the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Self:
        """Move to a CUDA device, the current one by default."""
        return self.to("cuda" if device is None else device)

    def type(self, dst_type: Any) -> Self:
        """Cast everything, integers too."""
        return self._apply(lambda t: t.to(dtype=dtypes.as_dtype(dst_type)))

    def half(self) -> Self:
        """Cast floating-point parameters and buffers to float16."""
        return self._cast(dtypes.float16)

    def float(self) -> Self:
        """Cast floating-point parameters and buffers to float32."""
        return self._cast(dtypes.float32)

    def double(self) -> Self:
        """Cast floating-point parameters and buffers to float64."""
        return self._cast(dtypes.float64)

    def _cast(self, dtype: dtypes.dtype) -> Self:
        return self._apply(lambda t: t.to(dtype=dtype) if t.dtype.is_floating_point else t)

    def train(self, mode: bool = True) -> Self:
        """Set training mode, which tells dropout and its like what to do."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode: ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze or thaw all parameters."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or fill them with zeros."""
        clear_grads(self.parameters(), set_to_none)

    # ---------------------------------------------------------------- printing

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of this module's line."""
        return ", ".join(f"{name}={getattr(self, name)}" for name in self._shown)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        inner = [f"({name}): {_indent(repr(m))}" for name, m in self._modules.items()]
        if len(lines) == 1 and not inner:
            return f"{self._get_name()}({extra})"
        if not lines and not inner:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + inner) + "\n)"


_NOTHING = object()


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")


def _target(
    *args: Any, device: Any = None, dtype: Any = None, non_blocking: bool = False
) -> tuple[Any, dtypes.dtype | None]:
    """Read the arguments of `Module.to`: a device, a dtype, both, or a tensor."""
    for arg in args:
        if isinstance(arg, Tensor):
            device, dtype = arg.device, arg.dtype
        elif arg is None or (isinstance(arg, (str, int, Device)) and not isinstance(arg, bool)):
            device = arg
        elif isinstance(arg, bool):
            break  # non_blocking, given by position: copies here are in order anyway
        else:
            dtype = arg
    if dtype is None:
        return device, None
    found = dtypes.as_dtype(dtype)
    if not found.is_differentiable:
        raise TypeError(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired "
            f"dtype={found}"
        )
    return device, found


def clear_grads(parameters: Any, set_to_none: bool) -> None:
    """Forget gradients, or fill them with zeros."""
    with no_grad():
        for p in parameters:
            if p._grad is None:
                continue
            if set_to_none:
                p._grad = None
            else:
                if p._grad._node is not None:
                    p._grad.detach_()
                p._grad.zero_()
