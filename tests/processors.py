"""The numerical tests as other processors compute: under each kernel of OpenBLAS that this one can run, and in NumPy's plainest loops.

`python -m tests.processors` runs them; as a pytest plugin the module makes sure that what was asked for is what computes.
"""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_info

NUMERICAL = (
    "nncore",
    "tests/benchmarks/test_published.py",
    "tests/nncore/clinic",
    "tests/nncore/config/test_fork.py",
    "tests/nncore/config/test_run_config.py",
    "tests/nncore/diagnosis",
    "tests/nncore/experiments/test_experiments.py::test_claim_is_true_of_its_runs_and_false_the_other_way_round_and_of_a_near_miss",
    "tests/nncore/lecture",
    "tests/nncore/measures",
    "tests/nncore/model",
    "tests/nncore/numerics",
    "tests/nncore/sweep/test_cells.py",
    "tests/nncore/test_seeds.py",
    "tests/nncore/theory/test_criticality.py",
    "tests/nncore/theory/test_diagrams.py",
    "tests/nncore/theory/test_hidden_jacobian.py",
    "tests/nncore/theory/test_kernels.py",
    "tests/nncore/theory/test_moments.py",
    "tests/nncore/theory/test_propagation.py",
    "tests/nncore/theory/test_worked_cases.py",
    "tests/nncore/training",
    "tests/test_readme.py",
    "tests/dashboard/views/test_experiments.py::test_stored_picture_equals_a_fresh_run",
)
"""The examples in docstrings, and the tests whose numbers would differ if they hung on the last bits.

Left out are those of a minute that compare random networks with theory to per cents, and files, tables and pages.
"""

KERNELS = (
    *("Prescott", "Nehalem", "Sandybridge", "Haswell", "SkylakeX", "Cooperlake", "SapphireRapids", "Zen"),
    *(
        "ARMV8",
        "CORTEXA53",
        "CORTEXA57",
        "NEOVERSEN1",
        "NEOVERSEV1",
        "NEOVERSEN2",
        "THUNDERX2T99",
        "VORTEX",
        "ARMV8SVE",
    ),
)
"""Values of OPENBLAS_CORETYPE; one that this processor or this OpenBLAS does not have falls back to another, or crashes."""

FEWEST = 3
KERNEL, FEATURES = "NNCORE_TEST_KERNEL", "NNCORE_TEST_WITHOUT"
"""What the plugin expects: the architecture of every OpenBLAS, and the features that NumPy must not use."""


def architecture() -> str:
    """The kernel with which NumPy's and SciPy's OpenBLAS compute in this process; "" without OpenBLAS, or where they differ."""
    import scipy.linalg  # noqa: F401  brings its own

    found = {pool["architecture"] for pool in threadpool_info() if pool["internal_api"] == "openblas"}
    return found.pop() if len(found) == 1 else ""


def dispatched() -> list[str]:
    """The instructions beyond its baseline that NumPy uses in this process."""
    from numpy._core import _multiarray_umath as umath

    return [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__[name]]


def probe() -> str:
    """The architecture, once it has multiplied and solved: a kernel for other processors ends the process here."""
    from scipy.linalg import solve

    for dtype in (np.float64, np.float32):
        a = np.random.default_rng(0).normal(size=(67, 67)).astype(dtype) + 20 * np.eye(67, dtype=dtype)
        for product in (a @ a, a @ a[:5].T, (a @ a[0])[:, None]):
            expected = np.einsum("ij,jk->ik", a, {67: a, 5: a[:5].T, 1: a[:1].T}[product.shape[1]])
            np.testing.assert_allclose(product, expected, rtol=1e-4, atol=1e-3)
        np.testing.assert_allclose(a @ np.linalg.solve(a, a[0]), a[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(a @ solve(a, a[0]), a[0], rtol=1e-3, atol=1e-4)
    return architecture()


def environment(**changes: str) -> dict[str, str]:
    """The environment of a run: nothing of what an earlier one, or the caller, has set."""
    ours = ("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", KERNEL, FEATURES)
    return {name: value for name, value in os.environ.items() if name not in ours} | changes


def asked(function: str, **changes: str) -> str:
    """What a function of this module answers in a process of its own; "" where that crashes."""
    command = [sys.executable, "-c", f"from tests import processors; print(processors.{function}())"]
    done = subprocess.run(command, env=environment(**changes), capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else ""


def kernels() -> dict[str, str]:
    """Architecture -> value of OPENBLAS_CORETYPE, for every kernel that this processor can run."""
    found: dict[str, str] = {}
    for name in KERNELS:
        found.setdefault(asked("probe", OPENBLAS_CORETYPE=name), name)
    found.pop("", None)
    return found


def main() -> int:
    """Run the numerical tests under every kernel and once without NumPy's faster loops; 0 when all of them pass."""
    found = kernels()
    if len(found) < FEWEST:
        print(
            f"At least {FEWEST} kernels of OpenBLAS are needed to compare, and this processor runs {len(found)} "
            f"({', '.join(found) or 'none'}): take a NumPy and SciPy whose OpenBLAS chooses its kernel at run time.",
            file=sys.stderr,
        )
        return 2
    runs = {f"OpenBLAS kernel {kernel}": {"OPENBLAS_CORETYPE": name, KERNEL: kernel} for kernel, name in found.items()}
    features = " ".join(dispatched())
    runs[f"NumPy without {features or 'anything to leave out'}"] = {
        "NPY_DISABLE_CPU_FEATURES": features,
        FEATURES: features,
    }
    failed = [name for name, changes in runs.items() if not passes(name, changes)]
    print(f"{len(runs) - len(failed)} of {len(runs)} runs passed.", *(f"Failed: {name}." for name in failed))
    return 1 if failed else 0


def passes(name: str, changes: dict[str, str]) -> bool:
    """Run the numerical tests in this environment and print how they ended."""
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "tests.processors", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *NUMERICAL], env=environment(**changes), capture_output=True, text=True)
    lines = done.stdout.strip().splitlines() or [""]
    if done.returncode:
        first = next((number for number, line in enumerate(lines) if line.startswith("===")), -1)
        print(*lines[first:], done.stderr, sep="\n")
    print(f"{name}: {lines[-1]}", flush=True)
    return done.returncode == 0


def pytest_sessionstart(session: pytest.Session) -> None:
    """End a run, in every worker, that does not compute as it was asked to."""
    kernel, without = os.environ.get(KERNEL, ""), os.environ.get(FEATURES, "").split()
    if kernel and architecture() != kernel:
        raise pytest.UsageError(f"OpenBLAS must compute with its kernel {kernel}; it does with {architecture()!r}")
    if set(without) & set(dispatched()):
        raise pytest.UsageError(f"NumPy must do without {' '.join(without)}; it uses {' '.join(dispatched())}")


if __name__ == "__main__":
    sys.exit(main())
