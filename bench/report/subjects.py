# SPDX-License-Identifier: MIT
"""Who is who among the subjects of the benchmarks."""

# A subject is ours if its name starts with one of these.
OURS = ("devm", "drmm", "managed", "revocable", "devres_ptr", "drm_dev_")

# What a peer leaves out that ours does. Shown wherever it beats us.
LEAVES_OUT = {
    "apr": "no lock; memory only goes with the pool",
    "apr_mutex": "callbacks run under the lock",
    "talloc": "no lock",
    "talloc_mutex": "callbacks run under the lock",
    "vector_function": "no lock; one cannot be removed",
    "vector_function_mutex": "one cannot be removed",
    "list_function_mutex": "removal by an iterator that is not checked",
    "shared_mutex": "readers share a cache line",
    "shared_counter": "readers share a cache line",
    "weak_ptr": "nobody can wait for its readers",
    "urcu_bp": "one domain for the whole process",
    "urcu_memb": "one domain for the whole process; threads register",
    "urcu_mb": "one domain for the whole process; threads register",
    "ck_epoch": "threads register with each domain; revoker spins",
    "urcu_bp_wait_once": "one domain for the whole process; objects are on no owner's list",
    "urcu_bp_wait_each": "one domain for the whole process; objects are on no owner's list",
}


def is_floor(subject):
    return subject.startswith("floor_")


def is_ours(subject):
    return subject.startswith(OURS)


def is_peer(subject):
    return not is_ours(subject) and not is_floor(subject)


def order(subject):
    """Ours first, then peers, then floors."""
    return (is_floor(subject), not is_ours(subject), subject)
