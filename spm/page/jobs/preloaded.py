"""What every job needs: the process from which jobs are forked imports it once."""

import threading

from tqdm import tqdm

tqdm.set_lock(threading.RLock())  # the usual one is a semaphore that a killed process leaves behind
