"""One file an estimator; `report/` renders tables and figures from their scores."""
