"""results/report.html: the whole report as one file for a browser."""
