"""Write the table of speed in the READMEs anew, from results/steps.json."""

import json
from pathlib import Path
from typing import Any

from side_by_side.report import duration

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- speed: benchmarks/in_readme.py writes this from benchmarks/results/steps.json -->\n"
END = "<!-- end of speed -->"
HEADS = {  # README: what its table calls the work, and what it says before machine and versions
    "README.md": ("work (batch)", "Medians: "),
    "README.zh.md": ("任务（批大小）", "中位数："),
}


def table(results: dict[str, Any], readme: str) -> str:
    """One row for each work, in Markdown, and below it the date, the machine and the versions."""
    work, median = HEADS[readme]
    lines = [f"| {work} | handgrad | PyTorch | PyTorch ÷ handgrad |", "|---|--:|--:|--:|"]
    for each in results["works"]:
        own, peer = each["sides"]["handgrad"], each["sides"]["pytorch"]
        cells = [f"{each['title']} ({each['batch']})", duration(own["median"])]
        known = "missing" not in peer
        cells += [duration(peer["median"]), f"{peer['ratio']:.2f}"] if known else ["", ""]
        lines.append(f"| {' | '.join(cells)} |")
    found = results["machine"]
    versions = found["versions"]
    names = [f"{name} {versions[name]}" for name in ("handgrad", "torch") if name in versions]
    where = [found["date"][:10], found["processor"], f"{found['threads']} threads", *names]
    return "\n".join([*lines, "", f"{median}{', '.join(where)}."])


def with_table(text: str, new: str) -> str:
    """The text with another table between the two marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{new}\n\n{END}{after}"


def main() -> None:
    """Write both READMEs."""
    results = json.loads((ROOT / "benchmarks/results/steps.json").read_text(encoding="utf-8"))
    for name in HEADS:
        path = ROOT / name
        text = path.read_text(encoding="utf-8")
        path.write_text(with_table(text, table(results, name)), encoding="utf-8")


if __name__ == "__main__":
    main()
