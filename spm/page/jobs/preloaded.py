"""What every job needs: the process from which jobs are forked imports it once."""

import spm.finding.find
import spm.page.jobs.find
import spm.page.jobs.keep
import spm.page.jobs.look
import spm.page.jobs.recognise
import spm.page.jobs.teach  # noqa: F401
