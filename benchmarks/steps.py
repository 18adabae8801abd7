"""Time one whole training step of the documents' networks, beside PyTorch and others.

Every side has its own process, starts from the same parameters, sees the same batches in the same
order, and must compute the same losses before it is measured. Times are medians of the chunks'
medians, with the 10th percentile in parentheses: what a step takes when nothing disturbs it.
"""

from typing import Any

from side_by_side import works
from side_by_side.command import Options, read
from side_by_side.driver import SIDES
from side_by_side.machine import heading, limits, machine
from side_by_side.pictures import draw_ratios
from side_by_side.report import duration, names_of, publish, table
from side_by_side.run import gaps, run, versions
from side_by_side.works import WORKS, Work


def record(work: Work, sides: dict[str, Any], rates: dict[str, Any]) -> dict[str, Any]:
    """One work's results as plain values."""
    flops = works.flops(work)
    return {
        "name": work.name,
        "title": work.title,
        "batch": work.batch,
        "flops": flops,
        "limit": flops / (rates["fma"] * 1e9) if rates.get("fma") else None,
        "sides": sides,
    }


def time_cell(values: dict[str, Any]) -> str:
    """Median and 10th percentile; empty where the side is missing, (!) where it never got warm."""
    if "missing" in values:
        return ""
    mark = "" if values["warm"] else " (!)"
    return f"{duration(values['median'])} ({duration(values['p10'])}){mark}"


def ratio_cell(values: dict[str, Any]) -> str:
    """How many times handgrad's time; empty where the side is missing."""
    return "" if "missing" in values else f"{values['ratio']:.2f}"


def text(results: list[dict[str, Any]], sides: list[str], head: list[str]) -> str:
    """The tables: times, ratios, and what is missing."""
    names = names_of(sides)
    times = [["work", "batch", *names.values(), "limit"]]
    peers = [side for side in sides if side != "handgrad"]
    ratios = [["work", "batch", *names_of(peers).values()]]
    for each in results:
        work = [each["title"], str(each["batch"])]
        limit = duration(each["limit"]) if each["limit"] else ""
        times.append([*work, *(time_cell(each["sides"][side]) for side in sides), limit])
        ratios.append([*work, *(ratio_cell(each["sides"][side]) for side in peers)])
    empty = gaps({each["name"]: each["sides"] for each in results}, names)
    parts = [
        *head,
        "\nTime per step: median (10th percentile)\n",
        table(times),
        "\nHow many times handgrad's time they take\n",
        table(ratios),
        *(["\nEmpty columns:", *empty] if empty else []),
    ]
    return "\n".join(parts)


def measure_all(options: Options, rates: dict[str, Any]) -> list[dict[str, Any]]:
    """All works that were asked for, with a word about each as it is done."""
    results: list[dict[str, Any]] = []
    for whole in WORKS:
        if options.only and whole.name not in options.only:
            continue
        work = works.quick(whole) if options.quick else whole
        results.append(record(work, run(work, options.sides, options.terms), rates))
        own = results[-1]["sides"]["handgrad"]
        print(f"{work.title}, batch {work.batch}: {time_cell(own)}", flush=True)
    return results


def main() -> None:
    """Measure, print, write."""
    names = [work.name for work in WORKS]
    options = read(__doc__, list(SIDES), names)
    found = machine(options.terms.threads)
    rates = {} if options.quick else limits(options.terms.threads)
    results = measure_all(options, rates)
    found["versions"] |= versions([each["sides"] for each in results])
    head = heading(found, quick=options.quick)
    if rates.get("fma"):
        head.append(
            f"limit: the multiply-adds at the machine's {rates['fma']:.0f} billion operations "
            f"per second; BLAS reaches {rates['gemm']:.0f}"
        )
    values = {"machine": found, "rates": rates, "works": results}
    publish("steps", options.out, text(results, options.sides, head), values)
    ratios = {
        f"{each['title']}, batch {each['batch']}": {
            side: values["ratio"]
            for side, values in each["sides"].items()
            if "ratio" in values and side != "handgrad"
        }
        for each in results
    }
    draw_ratios(options.out / "steps.png", ratios, head[0])


if __name__ == "__main__":
    main()
