# What a run says and tidies up at its end: how many jobs kept their outputs, store entries that nobody uses, and that
# it has ended.
import time

from ichor.jobs.record import jobs_since
from ichor.jobs.store import configured_store
from snakemake.logging import logger

STARTED = time.time()


def close_run():
    """Say what was done and what was kept; drop store entries that no run used for long."""
    done, kept = jobs_since(STARTED)
    if kept:
        logger.info(f"{done} jobs were done; {kept} kept their outputs, because nothing that they read had changed.")
    if store := configured_store(config):
        store.drop_unused(config["store"]["keep_days"])
    run_lock.remember_end()


def say_verification():
    """Print the comparison with another run, if this run made one."""
    text = Path("results/verification.txt")
    if text.is_file() and text.stat().st_mtime >= STARTED:
        logger.info(f"\n{text.read_text(encoding='utf-8')}")


onsuccess:
    close_run()
    say_verification()


onerror:
    close_run()
