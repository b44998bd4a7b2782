# SPDX-License-Identifier: MIT
"""What bench/run.py is made of: measure, keep, judge, draw, write."""
