// Trees of calls: how wide their frames are and where they stand, callers and callees of a function, top
// functions, what a search finds. Everything is linear in the nodes; nothing here knows of the screen.

import type { Data } from "./data";

/** What the width of a frame stands for in a diff. */
export type Measure = "both" | "change" | "after" | "before";

/** A tree as columns; a node's parent has a lower number. Frames of no width have no place in it. */
export interface Tree {
  n: number;
  parent: Int32Array;
  depth: Int32Array;
  name: Int32Array;
  inlined: Uint8Array | null;
  total: Float64Array;
  flat: Float64Array;
  /** Before, in a diff. */
  base: Float64Array | null;
  flatBase: Float64Array | null;
  /** Width and left edge, in the unit of the values. */
  width: Float64Array;
  x: Float64Array;
  /** Nodes by level, in a level from left to right; level d is order[level[d]] to order[level[d + 1]]. */
  order: Int32Array;
  level: Int32Array;
  /** The children of i, the widest first: child[first[i]] to child[first[i + 1]]. */
  first: Int32Array;
  child: Int32Array;
}

type Shape = Omit<Tree, "x" | "order" | "level" | "first" | "child">;

export function mainTree(data: Data, type: number, measure: Measure): Tree {
  const { nodes: n, parent } = data;
  const total = data.total(type);
  const base = data.base(type);
  const flat = own(parent, total);
  const flatBase = base && own(parent, base);
  // A frame is as wide as its own value and the frames below it together, so that children always fit.
  const width = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    const after = Math.abs(flat[i]);
    if (flatBase === null || measure === "after") width[i] += after;
    else if (measure === "before") width[i] += Math.abs(flatBase[i]);
    else if (measure === "change") width[i] += Math.abs(flat[i] - flatBase[i]);
    else width[i] += Math.max(after, Math.abs(flatBase[i]));
    if (i > 0) width[parent[i]] += width[i];
  }
  const { depth, name, inlinedAt: inlined } = data;
  return arrange({ n, parent, depth, name, inlined, total, flat, base, flatBase, width });
}

function own(parent: Int32Array, total: Float64Array): Float64Array {
  const flat = total.slice();
  for (let i = 1; i < total.length; i++) flat[parent[i]] -= total[i];
  return flat;
}

function arrange(shape: Shape): Tree {
  const { n, parent, depth, width } = shape;
  const first = new Int32Array(n + 2);
  for (let i = 1; i < n; i++) if (width[i] > 0) first[parent[i] + 2]++;
  for (let i = 0; i < n; i++) first[i + 2] += first[i + 1];
  const child = new Int32Array(first[n + 1]);
  // Behind this loop first[i + 1] is where the children of i end, which is what it has to be.
  for (let i = 1; i < n; i++) if (width[i] > 0) child[first[parent[i] + 1]++] = i;

  const x = new Float64Array(n);
  const order = new Int32Array(width[0] > 0 ? child.length + 1 : 0);
  const level: number[] = [0];
  let filled = Math.min(1, order.length);
  for (let at = 0; at < filled; at++) {
    const node = order[at];
    if (depth[node] === level.length) level.push(at);
    const from = first[node];
    const to = first[node + 1];
    if (to - from > 1) sortByWidth(child, width, from, to);
    let left = x[node];
    for (let k = from; k < to; k++) {
      const c = child[k];
      x[c] = left;
      left += width[c];
      order[filled++] = c;
    }
  }
  level.push(filled);
  return { ...shape, x, order, level: Int32Array.from(level), first, child };
}

/** The widest first; of the same width, the one that came first in the profile. */
function sortByWidth(child: Int32Array, width: Float64Array, from: number, to: number): void {
  if (to - from > 24) {
    child.subarray(from, to).sort((a, b) => width[b] - width[a] || a - b);
    return;
  }
  for (let i = from + 1; i < to; i++) {
    const c = child[i];
    let k = i - 1;
    while (k >= from && width[child[k]] < width[c]) {
      child[k + 1] = child[k];
      k--;
    }
    child[k + 1] = c;
  }
}

/** The number of levels that have frames. */
export function levels(tree: Tree): number {
  return tree.level.length - 1;
}

/** The frame of a level at a place, or -1. */
export function frameAt(tree: Tree, depth: number, x: number): number {
  if (depth < 0 || depth >= levels(tree)) return -1;
  const at = lastNotAfter(tree, depth, x);
  if (at < tree.level[depth]) return -1;
  const node = tree.order[at];
  return x < tree.x[node] + tree.width[node] ? node : -1;
}

/** Where in a level the last frame is that begins at x or left of it; one before the level's if none does. */
export function lastNotAfter(tree: Tree, depth: number, x: number): number {
  let low = tree.level[depth];
  let high = tree.level[depth + 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (tree.x[tree.order[middle]] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Whether a node is under another, or is it. */
export function isUnder(tree: Tree, node: number, above: number): boolean {
  while (tree.depth[node] > tree.depth[above]) node = tree.parent[node];
  return node === above;
}

export interface Pivot {
  /** A root that stands for all chosen functions together; they are level 1, what they call is below. */
  callees: Tree;
  /** The same, but level 2 and below are callers, callers of callers and so on. */
  callers: Tree;
}

/**
 * What the chosen functions call, and what calls them, of all stacks together. Where one of them is called
 * by another only the outermost call counts, so that nothing counts twice.
 */
export function pivot(tree: Tree, chosen: Uint8Array): Pivot {
  const places: number[] = [];
  const inside = new Uint8Array(tree.n);
  for (let i = 1; i < tree.n; i++) {
    if (inside[tree.parent[i]]) inside[i] = 1;
    else if (chosen[tree.name[i]]) {
      inside[i] = 1;
      if (tree.width[i] > 0) places.push(i);
    }
  }
  return { callees: merge(tree, places, false), callers: merge(tree, places, true) };
}

/**
 * Merges what is below (or above) the places by name. A group of the new tree is a list of nodes of the old
 * one, linked through `next`: downwards each node is in one list only, upwards each place is, as it climbs.
 */
function merge(tree: Tree, places: number[], up: boolean): Tree {
  const parent = [-1];
  const depth = [0];
  const name = [tree.name[0]];
  const heads = [-1];
  const tails = [-1];
  const next = new Int32Array(up ? places.length : tree.n);
  const climbed = Int32Array.from(up ? places : []);
  const columns = [tree.width, tree.total, tree.flat, tree.base, tree.flatBase].map((from) => {
    return from && { from, to: [0] };
  });
  const groups = new Map<number, number>();

  /** Puts an item, and the values of the node that weighs for it, into the group of that name below. */
  const put = (below: number, nameOf: number, item: number, weight: number): void => {
    let group = groups.get(nameOf);
    if (group === undefined) {
      group = parent.length;
      groups.set(nameOf, group);
      parent.push(below);
      depth.push(depth[below] + 1);
      name.push(nameOf);
      heads.push(item);
      for (const column of columns) column?.to.push(0);
    } else {
      next[tails[group]] = item;
    }
    tails[group] = item;
    next[item] = -1;
    for (const column of columns) if (column) column.to[group] += column.from[weight];
  };

  for (let p = 0; p < places.length; p++) put(0, tree.name[places[p]], up ? p : places[p], places[p]);
  for (let group = 1; group < parent.length; group++) {
    groups.clear();
    let item = heads[group];
    while (item >= 0) {
      const following = next[item];
      if (up) {
        climbed[item] = tree.parent[climbed[item]];
        // the root calls nothing
        if (climbed[item] > 0) put(group, tree.name[climbed[item]], item, places[item]);
      } else {
        for (let k = tree.first[item]; k < tree.first[item + 1]; k++) {
          const called = tree.child[k];
          put(group, tree.name[called], called, called);
        }
      }
      item = following;
    }
  }

  const n = parent.length;
  const [width, total, flat, base, flatBase] = columns.map((c) => c && Float64Array.from(c.to));
  for (const column of [width, total, base]) {
    if (column) for (let i = 1; i < n && parent[i] === 0; i++) column[0] += column[i];
  }
  const merged = { parent: Int32Array.from(parent), depth: Int32Array.from(depth), name: Int32Array.from(name) };
  return arrange({
    n,
    ...merged,
    inlined: null,
    width: width as Float64Array,
    total: total as Float64Array,
    flat: up ? new Float64Array(n) : (flat as Float64Array),
    base: base as Float64Array | null,
    flatBase: up ? base && new Float64Array(n) : (flatBase as Float64Array | null),
  });
}

export interface Found {
  /** Frames that match, and functions. */
  frames: number;
  functions: number;
  /** What they and all below them have together; a match below a match counts once. */
  total: number;
  base: number;
  width: number;
}

export function find(tree: Tree, matches: Uint8Array): Found {
  const found = { frames: 0, functions: 0, total: 0, base: 0, width: 0 };
  const inside = new Uint8Array(tree.n);
  const seen = new Uint8Array(matches.length);
  // The root is the whole profile, not a function.
  for (let i = 1; i < tree.n; i++) {
    const matched = matches[tree.name[i]];
    const covered = inside[tree.parent[i]];
    inside[i] = matched | covered;
    if (matched && tree.width[i] > 0) {
      found.frames++;
      if (!seen[tree.name[i]]) {
        seen[tree.name[i]] = 1;
        found.functions++;
      }
      if (!covered) {
        found.total += tree.total[i];
        found.width += tree.width[i];
        if (tree.base) found.base += tree.base[i];
      }
    }
  }
  return found;
}

export interface Functions {
  /** By name. */
  flat: Float64Array;
  cum: Float64Array;
  flatBase: Float64Array | null;
  cumBase: Float64Array | null;
  /** Names that occur. */
  names: number[];
}

/** Flat and cumulative values by name in the tree under a node; of recursive calls only the outermost counts. */
export function functions(tree: Tree, under: number, names: number): Functions {
  const flat = new Float64Array(names);
  const cum = new Float64Array(names);
  const flatBase = tree.base && new Float64Array(names);
  const cumBase = tree.base && new Float64Array(names);
  const active = new Int32Array(names);
  const seen = new Uint8Array(names);
  const found: number[] = [];
  const visit = (i: number): void => {
    const name = tree.name[i];
    if (!seen[name]) {
      seen[name] = 1;
      found.push(name);
    }
    flat[name] += tree.flat[i];
    if (flatBase) flatBase[name] += (tree.flatBase as Float64Array)[i];
    if (active[name]++ === 0) {
      cum[name] += tree.total[i];
      if (cumBase) cumBase[name] += (tree.base as Float64Array)[i];
    }
  };
  // down and up again without recursion: stacks may be very deep
  const path = [under];
  const nextChild = [tree.first[under]];
  if (under > 0) visit(under);
  while (path.length > 0) {
    const node = path[path.length - 1];
    const k = nextChild[path.length - 1];
    if (k < tree.first[node + 1]) {
      nextChild[path.length - 1]++;
      const child = tree.child[k];
      visit(child);
      path.push(child);
      nextChild.push(tree.first[child]);
    } else {
      if (node > 0) active[tree.name[node]]--;
      path.pop();
      nextChild.pop();
    }
  }
  return { flat, cum, flatBase, cumBase, names: found };
}
