// The graph as a tree: one tab stop, and the arrows, over nodes that may not be in the page yet.

/** @typedef {import("../core/types.js").GraphNode} GraphNode */

/**
 * @typedef {object} Model
 * @property {() => GraphNode[]} nodes in order
 * @property {(id: string) => string} outer the node that one lies in, "" for none
 * @property {(id: string) => boolean | null} opens whether turning it folds; null: it cannot be turned
 * @property {(id: string) => void} turn unfold or fold
 * @property {(id: string) => HTMLElement | undefined} bring into view and into the page
 */

/** @param {HTMLElement} list @param {Model} model */
export function tree(list, model) {
  /** @type {Record<string, (nodes: GraphNode[], at: number) => string | undefined>} */
  const table = {
    ArrowDown: (nodes, at) => nodes[at + 1]?.id,
    ArrowUp: (nodes, at) => nodes[at - 1]?.id,
    Home: (nodes) => nodes[0]?.id,
    End: (nodes) => nodes.at(-1)?.id,
    ArrowRight(nodes, at) {
      const { id } = nodes[at];
      if (model.opens(id) === false) return void model.turn(id);
      return (nodes.find((node) => model.outer(node.id) === id) ?? nodes[at + 1])?.id;
    },
    ArrowLeft(nodes, at) {
      const { id } = nodes[at];
      if (model.opens(id)) return void model.turn(id);
      return model.outer(id) || nodes[at - 1]?.id;
    },
    "]": (nodes, at) => (model.opens(nodes[at].id) === false ? void model.turn(nodes[at].id) : undefined),
    "[": (nodes, at) => (model.opens(nodes[at].id) ? void model.turn(nodes[at].id) : model.outer(nodes[at].id) || undefined),
  };
  list.addEventListener("keydown", (event) => {
    const act = table[event.key], item = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest('[role="treeitem"]')) : null;
    if (!act || !item || event.ctrlKey || event.metaKey || event.altKey || (event.shiftKey && event.key.length > 1)) return;
    event.preventDefault();
    event.stopPropagation();
    const nodes = model.nodes(), at = nodes.findIndex((node) => node.id === item.dataset.step);
    const next = at < 0 ? undefined : act(nodes, at);
    if (next !== undefined) model.bring(next)?.focus();
  });
  list.addEventListener("focusin", (event) => {
    for (const item of list.querySelectorAll('[role="treeitem"][tabindex="0"]')) if (item !== event.target) /** @type {HTMLElement} */ (item).tabIndex = -1;
    const item = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest('[role="treeitem"]')) : null;
    if (item) item.tabIndex = 0;
  });
}
