.PHONY: run test test-processors test-torch bench soak reproduce lint format clean

run:  ## the dashboard on http://localhost:8501
	@.ci/venv .venv requirements.txt pyproject.toml
	.venv/bin/python -m streamlit run dashboard/served.py

test: lint  ## lint, types, unit tests, doctests, app and browser tests
	.venv/bin/python -m tests.browser.chromium
	.venv/bin/python -m pytest -n 2 nncore tests --ignore=tests/torch

test-processors: .venv-with-tools  ## the numerical tests under each kernel of OpenBLAS, and without NumPy's SIMD loops
	.venv/bin/python -m tests.processors

test-torch:  ## the same gradients as PyTorch's autograd
	@.ci/venv .venv-torch requirements-torch.txt
	.venv-torch/bin/python -m pytest tests/torch

bench: .venv-with-tools  ## nncore beside PyTorch, JAX and scikit-learn, how it scales, and the page beside a line of text
	@.ci/venv .venv-bench requirements-bench.txt
	.venv/bin/python -m tests.browser.chromium
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE .venv/bin/python -m benchmarks.page --out .venv-bench/page.json
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE .venv-bench/bin/python -m benchmarks --page .venv-bench/page.json  # each with the kernel made for this processor

soak: .venv-with-tools  ## what a crowd, a closed tab or a kill does, into benchmarks/RELIABILITY.md
	.venv/bin/python -m benchmarks.reliability

reproduce:  ## published results beside ours, into docs/published.md
	@.ci/venv .venv requirements.txt pyproject.toml
	.venv/bin/python -m benchmarks.published --docs

lint: .venv-with-tools
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

format: .venv-with-tools
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

clean:
	rm -rf .venv .venv-torch .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: .venv-with-tools
.venv-with-tools:
	@.ci/venv .venv requirements.txt requirements-dev.txt pyproject.toml
