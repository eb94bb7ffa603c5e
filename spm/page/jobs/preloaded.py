"""What jobs need: the process from which they are forked imports it, once for all of them."""

import importlib
import threading

from tqdm import tqdm

tqdm.set_lock(threading.RLock())  # the usual one is a semaphore that a killed process leaves behind
for _name in (
    *("spm.page.jobs.find", "spm.page.jobs.keep", "spm.page.jobs.look"),
    *("spm.page.jobs.recognise", "spm.page.jobs.teach"),
    "spm.model.towers.clip",  # with torchvision and timm, which take the longest
    *("captum.attr", "matplotlib.backends.backend_agg"),
    *("PIL.JpegImagePlugin", "PIL.PngImagePlugin"),
):
    importlib.import_module(_name)
