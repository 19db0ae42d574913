# `make help` lists everything. Each target first lets scripts/setup.sh look whether all is there,
# which takes a moment only when something is missing.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit test-flow test-integration check format bench chaos stack stack-down \
        docs hooks lock clean ready ready-test
SHELL := /bin/bash
PY := .venv/bin/python
PYTEST := $(PY) -m pytest
# a test file stays in one process, so that what its tests share is made once
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile
CODE := rules config ingest sinks reports desk udfs jobs bench tests scripts deploy
# so that a run leaves the same bytes everywhere
export PYTHONHASHSEED := 0
export PYTHONUTF8 := 1

help: ## this list · 本列表
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' Makefile

setup: ready ## make .venv and whatever else is missing · 安装所需的一切
	@JAVA=$$($(PY) -m config.java) && echo "✓ ready: $$($(PY) -V), Java in $$JAVA, .venv/bin/mingjian --help"

demo: ready ## a generated day of WeCom traffic to alerts and a signed PDF · 一天的会话到告警与 PDF
	@$(PY) -m jobs.demo

test: ready-test ## every test, real servers included · 全部测试，含真实服务
	@$(PYTEST) tests/unit $(SIDE_BY_SIDE)
	@$(PYTEST) tests/flow tests/integration

test-unit: ready ## tests without a JVM · 不需要 JVM 的测试
	@$(PYTEST) tests/unit $(SIDE_BY_SIDE)

test-flow: ready ## tests on Flink's mini-cluster · 在 Flink 小集群上的测试
	@$(PYTEST) tests/flow

test-integration: ready-test ## tests on real Kafka, Redis, Elasticsearch · 真实服务上的测试
	@$(PYTEST) tests/integration

check: ready ## lint, format, types, layers, docs, lock files; under a minute · 静态检查
	@.venv/bin/ruff check $(CODE)
	@.venv/bin/ruff format --check $(CODE)
	@.venv/bin/mypy
	@$(PYTEST) -q tests/unit/test_layers.py tests/unit/test_docs.py tests/unit/test_requirements.py \
	    tests/unit/test_compose.py

format: ready ## format the code and mend what ruff can mend · 格式化
	@.venv/bin/ruff check --fix $(CODE)
	@.venv/bin/ruff format $(CODE)

bench: ready-test ## speed, some twenty minutes; QUICK=1, ONLY=part, SIGMA=clone of SigmaHQ/sigma · 性能
	@$(PY) -m bench $(if $(QUICK),--quick) $(if $(ONLY),--only '$(ONLY)') $(if $(SIGMA),--sigma '$(SIGMA)')

chaos: ready-test ## faults on real servers, hours; ROWS=1,3 SEEDS=2 for a part · 故障演练
	@$(PY) -m tests.chaos $(or $(ROWS),all) $(if $(SEEDS),--seeds $(SEEDS))

stack: ready-test ## start Kafka, Redis, Elasticsearch, Flink, PostgreSQL, S3; ARGS="--kafka-port 0" · 启动整套服务
	@$(PY) -m jobs.cli.main stack up $(ARGS)

stack-down: ready ## stop what `make stack` started, and nothing else · 停止这些服务
	@$(PY) -m jobs.cli.main stack down $(ARGS)

docs: ready ## write docs/cli.md, docs/checks and docs/schema anew from the code · 生成文档
	@$(PY) scripts/make_cli_docs.py
	@$(PY) scripts/make_rule_docs.py

hooks: ready ## install the git hooks of .pre-commit-config.yaml · 安装提交钩子
	@.venv/bin/pre-commit install

lock: ready ## make requirements*.lock anew; `make lock UPGRADE=1` takes newer versions · 重新锁定依赖
	@scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove caches and build products; keeps .venv and var/ · 清理缓存
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
	@find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

ready:
	@scripts/setup.sh

ready-test:
	@scripts/setup.sh --test
