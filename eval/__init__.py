"""One folder a score; `workflow.report` renders tables and figures from what they measure."""
