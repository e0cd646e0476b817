"""Compilers of entries and of the functions inside them.

An entry and everything that it calls become one module of machine code. Numba's compiler prepares each function to be
called by itself: it links a function with all that it calls, optimises the result, generates machine code and wrappers
for Python, and repeats this for every caller. That takes most of the time of a compilation, and none of it is used
inside an entry. Here, an inner function is compiled to LLVM's intermediate representation only, and an entry links each
function inside it once.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, ClassVar

import llvmlite.binding as llvm
from numba import _dynfunc
from numba.core import codegen, compiler
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering, NopythonRewrites
from numba.core.untyped_passes import InlineClosureLikes, WithLifting

if TYPE_CHECKING:
    from collections.abc import Callable


UNUSED_PASSES = (InlineClosureLikes, NopythonRewrites, WithLifting)
"""Passes for closures, array expressions and ``with`` blocks."""


class _InnerLibrary(codegen.JITCodeLibrary):
    """Code that is linked and optimised, and becomes machine code, only inside an entry."""

    attributes: tuple[str, ...] = ()
    """of its functions, in LLVM's names"""

    def finalize(self) -> None:
        self._finalized = True

    def _optimize_functions(self, ll_module: Any) -> None:
        """Leave it to the entry, which optimises everything again."""

    def _get_module_for_linking(self) -> Any:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.external:
                function.linkage = "linkonce_odr"  # it may be linked more than once
                for attribute in self.attributes:
                    function.add_function_attribute(attribute)
        return self._final_module


class _RareLibrary(_InnerLibrary):
    """Code that is kept small, in functions of its own, so that it takes less time to optimise."""

    attributes = ("noinline", "minsize", "optsize")


class _EntryLibrary(codegen.JITCodeLibrary):
    """Self-contained machine code: the functions inside an entry are private to it.

    Numba leaves them public. The loader then uses the first copy that it has seen, which may have been compiled for
    another entry and round differently, so results would depend on what else the process has compiled or loaded.
    Private functions are also inlined more often, which makes events 10% faster.
    """

    def add_linking_library(self, library: Any) -> None:
        if library in self._linking_libraries:
            return
        super().add_linking_library(library)
        if isinstance(library, _InnerLibrary):
            for called in library._linking_libraries:  # noqa: SLF001 - of the same family
                self.add_linking_library(called)

    def _optimize_final_module(self) -> None:
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == llvm.Linkage.linkonce_odr:
                function.linkage = "internal"
        passes, builder = self._codegen._module_pass_manager()  # noqa: SLF001
        passes.run(self._final_module, builder)


@register_pass(mutates_CFG=True, analysis_only=False)
class _InnerLowering(NativeLowering):
    """Numba's lowering without machine code and wrappers."""

    _name = "inner_lowering"

    def run_pass(self, state: Any) -> bool:
        for flag in ("no_compile", "no_cpython_wrapper", "no_cfunc_wrapper"):
            setattr(state.flags, flag, True)
        super().run_pass(state)
        lowered = state["cr"]
        name = lowered.fndesc.qualname.rpartition(".")[2]
        # Callers find the implementation by this object. Without an address it cannot be called from Python.
        stub = _dynfunc.make_function(lowered.fndesc.lookup_module(), name, "", 0, lowered.env, (state.library,))
        state.targetctx.insert_user_function(stub, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=stub)
        return True


class InnerCompiler(compiler.Compiler):
    """Numba's compiler for functions that only compiled functions call."""

    library: ClassVar = _InnerLibrary

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function."""
        self.state.library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(func)

    def define_pipelines(self) -> list[Any]:
        """Return numba's passes, without those for what inner functions do not have, and with another lowering."""
        managers = super().define_pipelines()
        for manager in managers:
            manager.passes = [
                (_InnerLowering if stage is NativeLowering else stage, description)
                for stage, description in manager.passes
                if stage not in UNUSED_PASSES
            ]
            manager.finalize()
        return managers


class RareCompiler(InnerCompiler):
    """Numba's compiler for inner functions whose speed does not matter."""

    library: ClassVar = _RareLibrary


class EntryCompiler(compiler.Compiler):
    """Numba's compiler for functions that Python calls."""

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile a function."""
        self.state.library = _EntryLibrary(self.state.targetctx.codegen(), func.__qualname__)
        self.state.library.enable_object_caching()
        is_collecting = gc.isenabled()
        gc.disable()  # a compilation creates millions of objects, and hardly any garbage
        try:
            return super().compile_extra(func)
        finally:
            if is_collecting:
                gc.enable()
