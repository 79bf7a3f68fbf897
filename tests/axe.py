"""What axe-core finds serious in a page: injected once a document, and only what it found wrong leaves the page."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_RUN = """async ([tags, within, colours]) => {
  const about = () => axe.getRules(tags).filter((rule) => rule.tags.includes("cat.color")).map((rule) => rule.ruleId);
  const runOnly = colours ? { type: "rule", values: about() } : { type: "tag", values: tags };
  const { violations } = await axe.run(
    within.length ? { include: within.map((one) => [one]) } : document, { runOnly, resultTypes: ["violations"] });
  return violations.filter((one) => ["serious", "critical"].includes(one.impact))
    .flatMap((one) => one.nodes.slice(0, 3).map((node) =>
      `${one.impact} ${one.id}: ${node.html.slice(0, 200)} ${JSON.stringify(node.any.slice(0, 1))}`));
}"""


def serious(page: Page, name: str, *within: str, colours: bool = False) -> list[str]:
    """What axe finds serious or critical in what is seen, each with `name` before it.

    Args:
        page: the page.
        name: of what is seen.
        within: selectors of the parts to look at; none: the whole page.
        colours: only by the rules about colours, where all else was looked at before.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(_RUN, [RULES, within, colours])
    return [f"{name}: {one}" for one in found]


def serious_in_both_schemes(page: Page, name: str, *within: str) -> list[str]:
    """The same in light and in dark, which have one document: all rules once, those about colours twice."""
    found: list[Any] = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        found += serious(page, f"{name}, {scheme}", *within, colours=scheme == "dark")
    return found
