# SPDX-License-Identifier: Apache-2.0
"""Poolers before PostgreSQL, measured: what bench/bars.toml calls the method `pool`."""
