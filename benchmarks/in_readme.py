"""Write the table of speed in the READMEs anew, from results/steps.json."""

import json
from pathlib import Path
from typing import Any

from side_by_side.report import duration

ROOT = Path(__file__).parents[1]
BEGIN = "<!-- speed: benchmarks/in_readme.py writes this from benchmarks/results/steps.json -->\n"
END = "<!-- end of speed -->"
HEADS = {  # README: the heads of its table, and what stands before machine and versions
    "README.md": ("work (batch)", "ratio", "Medians: "),
    "README.zh.md": ("任务（批大小）", "倍数", "中位数："),
}


def table(results: dict[str, Any], readme: str) -> str:
    """One row for each work, in Markdown, and below it date, machine, versions and load."""
    work, ratio, median = HEADS[readme]
    lines = [f"| {work} | handgrad | PyTorch | {ratio} |", "|---|--:|--:|--:|"]
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
    where += [f"load {found['load']:.1f}"] if found["load"] else []
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
