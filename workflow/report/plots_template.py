"""The page that `dvc plots show` fills, with the scripts that draw in it: it needs no network.

    python -m workflow.report.plots_template --out template.html

DVC's own page fetches Vega from elsewhere. Snakemake brings the same libraries for its report
(vega, vega-lite, vega-embed); `.dvc/config` names the file as `plots.html_template`.
"""

from pathlib import Path

from snakemake.assets import Assets

from data.arguments import options
from workflow.report.text.writing import write_text

SCRIPTS = ("vega/vega.js", "vega-lite/vega-lite.js", "vega-embed/vega-embed.js")
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{refresh_tag}
<title>Curves</title>
SCRIPTS
<style>
body { font-family: system-ui, sans-serif; margin: 1rem; }
div { overflow-x: auto; }
</style>
</head>
<body>
<h1>Curves</h1>
{plot_divs}
</body>
</html>
"""


def template() -> str:
    """DVC's placeholders {refresh_tag} and {plot_divs} in a page with all scripts inside."""
    # "</script" within a string of a script would end it.
    texts = (Assets.get_content(name).replace("</script", "<\\/script") for name in SCRIPTS)
    return PAGE.replace("SCRIPTS", "\n".join(f"<script>\n{text}\n</script>" for text in texts), 1)


def main() -> None:
    """The command line."""
    parser = options(__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the page to write (.html)")
    write_text(parser.parse_args().out, template())


if __name__ == "__main__":
    main()
