"""How many threads numerical libraries compute with."""

import os


def limit_threads() -> bool:
    """One thread, unless OMP_NUM_THREADS says otherwise (Snakemake sets it for its jobs).

    By default BLAS and torch take a thread for each core. Beside other jobs these wait for each
    other: two on two busy cores took over ten minutes for what one does in five seconds. True if
    that was done; it reaches the libraries that are loaded.
    """
    try:
        from threadpoolctl import threadpool_limits
    except ModuleNotFoundError:  # in `workflow.carry unpack`, which comes before all packages
        return False
    ours = "OMP_NUM_THREADS" not in os.environ
    if ours:
        threadpool_limits(1)
    return ours
