// The canvas: draws the frames of one tree, or of callers above callees, and says which frame is where.

import type { Theme } from "./colours";
import { forms } from "./names";
import { frameAt, isUnder, lastNotAfter, levels, type Tree } from "./tree";

const ROW = 20;
const PADDING = 8;
/** Narrower frames are drawn together, without a border of their own. */
const NARROW = 1;
const TEXT_FROM = 22;
const TEXT_LEFT = 4;
/** More of a name than this fits on no screen. */
const LONGEST = 400;
const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';

export interface Pane {
  tree: Tree;
  /** The first level that is shown, and which way the levels go from there. */
  first: number;
  up: boolean;
}

/** A frame: a node of a pane. */
export interface Frame {
  pane: number;
  node: number;
}

export interface Scene {
  panes: Pane[];
  zoom: Frame | null;
  /** Root at the bottom. */
  flip: boolean;
  names: string[];
  /** Whether a name matches the search, null if nothing is searched for. */
  matches: Uint8Array | null;
  fill(frame: Frame, faint: boolean): string;
  /** "new" and "gone" frames of a diff. */
  mark(frame: Frame): "" | "new" | "gone";
}

interface Label {
  forms: string[];
  widths: number[];
}

export class Chart {
  hover: Frame | null = null;
  cursor: Frame | null = null;
  /** A name whose frames are outlined, or -1. */
  hoverName = -1;
  private scene: Scene | null = null;
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D;
  private readonly spacer: HTMLElement;
  private labels: (Label | undefined)[] = [];
  private pending = 0;
  private width = 0;
  private height = 0;
  private contentHeight = 0;
  private extents: number[] = [];
  private hatching: CanvasPattern | null = null;
  private hatchingDark = false;

  constructor(
    private readonly scroller: HTMLElement,
    private theme: Theme,
  ) {
    this.canvas = document.createElement("canvas");
    this.spacer = document.createElement("div");
    scroller.append(this.canvas, this.spacer);
    this.context = this.canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
    scroller.addEventListener("scroll", () => this.schedule(), { passive: true });
  }

  get element(): HTMLCanvasElement {
    return this.canvas;
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.schedule();
  }

  show(scene: Scene): void {
    if (this.scene?.names !== scene.names) this.labels = [];
    this.scene = scene;
    this.measure();
    this.schedule();
  }

  schedule(): void {
    if (this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = 0;
      this.draw();
    });
  }

  /** Takes over the size that the page gives it. */
  measure(): void {
    const scene = this.scene;
    this.width = this.scroller.clientWidth;
    this.height = this.scroller.clientHeight;
    if (!scene) return;
    this.extents = scene.panes.map((pane, p) => this.shownLevels(p, pane.tree));
    let rows = 0;
    scene.panes.forEach((pane, p) => (rows += Math.max(0, this.extents[p] - pane.first)));
    const needed = rows * ROW + 2 * PADDING;
    this.contentHeight = Math.max(needed, this.height);
    // The canvas stays in sight while this scrolls.
    this.spacer.style.height = `${this.contentHeight - this.height}px`;
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [Math.max(1, Math.round(this.width * ratio)), Math.max(1, Math.round(this.height * ratio))];
    if (this.canvas.width !== w || this.canvas.height !== h) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.canvas.style.width = `${this.width}px`;
      this.canvas.style.height = `${this.height}px`;
    }
  }

  /** How many levels have something in the part that is zoomed to. */
  private shownLevels(p: number, tree: Tree): number {
    const [from, to] = this.range(p, tree);
    let d = 0;
    while (d < levels(tree)) {
      const at = lastNotAfter(tree, d, to);
      // the last frame that begins before the right edge must end behind the left one
      let k = at;
      while (k >= tree.level[d] && tree.x[tree.order[k]] >= to) k--;
      if (k < tree.level[d]) break;
      const node = tree.order[k];
      if (tree.x[node] + tree.width[node] <= from) break;
      d++;
    }
    return d;
  }

  private range(p: number, tree: Tree): [number, number] {
    const zoom = this.scene?.zoom;
    const node = zoom && zoom.pane === p ? zoom.node : 0;
    return [tree.x[node], tree.x[node] + tree.width[node]];
  }

  /** The row of a level, counted from the root's end. */
  private row(p: number, depth: number): number {
    const scene = this.scene as Scene;
    const pane = scene.panes[p];
    const above = scene.panes.findIndex((other) => other.up);
    const callers = above < 0 ? 0 : Math.max(0, this.extents[above] - scene.panes[above].first);
    return pane.up ? callers - 1 - (depth - pane.first) : callers + depth - pane.first;
  }

  private rowTop(row: number): number {
    if (this.scene?.flip) return this.contentHeight - PADDING - (row + 1) * ROW;
    return PADDING + row * ROW;
  }

  /** Where a frame is, in pixels of the canvas; it may be out of sight. */
  box(frame: Frame): { x: number; y: number; width: number; height: number } {
    const { tree } = (this.scene as Scene).panes[frame.pane];
    const [from, to] = this.range(frame.pane, tree);
    const scale = (this.width - 2 * PADDING) / (to - from);
    const left = Math.max(0, (tree.x[frame.node] - from) * scale);
    const right = Math.min(this.width - 2 * PADDING, (tree.x[frame.node] + tree.width[frame.node] - from) * scale);
    const y = this.rowTop(this.row(frame.pane, tree.depth[frame.node])) - this.scroller.scrollTop;
    return { x: PADDING + left, y, width: right - left, height: ROW };
  }

  /** The frame at a pixel of the canvas. */
  hit(x: number, y: number): Frame | null {
    const scene = this.scene;
    if (!scene || x < PADDING || x >= this.width - PADDING) return null;
    const down = y + this.scroller.scrollTop;
    const row = Math.floor((scene.flip ? this.contentHeight - PADDING - down : down - PADDING) / ROW);
    for (let p = 0; p < scene.panes.length; p++) {
      const pane = scene.panes[p];
      const start = this.row(p, pane.first);
      const depth = pane.first + (pane.up ? start - row : row - start);
      if (depth < pane.first || depth >= this.extents[p]) continue;
      const [from, to] = this.range(p, pane.tree);
      const node = frameAt(pane.tree, depth, from + ((x - PADDING) * (to - from)) / (this.width - 2 * PADDING));
      if (node >= 0) return { pane: p, node };
    }
    return null;
  }

  /** Scrolls so far that a frame can be seen; to a third of the height if `centre`. */
  reveal(frame: Frame, centre = false): void {
    const { y } = this.box(frame);
    if (centre) this.scroller.scrollTop += y - this.height / 3;
    else if (y < PADDING) this.scroller.scrollTop += y - PADDING;
    else if (y + ROW > this.height - PADDING) this.scroller.scrollTop += y + ROW + PADDING - this.height;
  }

  /** To the root's end. */
  scrollToRoot(): void {
    this.scroller.scrollTop = this.scene?.flip ? this.contentHeight : 0;
  }

  private draw(): void {
    const { scene, context } = this;
    const ratio = window.devicePixelRatio || 1;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.fillStyle = this.theme.background;
    context.fillRect(0, 0, this.width, this.height);
    if (!scene) return;
    context.font = FONT;
    context.textBaseline = "middle";
    for (let p = 0; p < scene.panes.length; p++) {
      const pane = scene.panes[p];
      for (let d = pane.first; d < this.extents[p]; d++) {
        const y = this.rowTop(this.row(p, d)) - this.scroller.scrollTop;
        if (y + ROW > 0 && y < this.height) this.drawLevel(scene, p, d, y);
      }
    }
    if (this.hover) this.outline(this.hover, 1.5);
    if (this.cursor) this.outline(this.cursor, 2.5);
    if (!performance.getEntriesByName("gosnap:drawn").length) performance.mark("gosnap:drawn");
  }

  private drawLevel(scene: Scene, p: number, d: number, y: number): void {
    const { context, theme } = this;
    const { tree } = scene.panes[p];
    const [from, to] = this.range(p, tree);
    const scale = (this.width - 2 * PADDING) / (to - from);
    const inner = this.width - 2 * PADDING;
    const zoomed = scene.zoom !== null && scene.zoom.pane === p ? tree.depth[scene.zoom.node] : -1;
    const { order, x, width, name, inlined } = tree;
    const end = tree.level[d + 1];
    const frame: Frame = { pane: p, node: 0 };
    // What is too narrow is gathered into runs of crumbs.
    let runFrom = -1;
    let runTo = -1;
    let runMatch = false;
    const flush = (): void => {
      if (runFrom < 0) return;
      context.fillStyle = runMatch ? theme.match : theme.crumbs;
      context.fillRect(PADDING + runFrom, y, Math.max(1, runTo - runFrom), ROW - 1);
      runFrom = -1;
      runMatch = false;
    };
    for (let k = Math.max(tree.level[d], lastNotAfter(tree, d, from)); k < end; k++) {
      const node = order[k];
      if (x[node] >= to) break;
      if (x[node] + width[node] <= from) continue;
      const left = Math.max(0, (x[node] - from) * scale);
      const right = Math.min(inner, (x[node] + width[node] - from) * scale);
      const matched = scene.matches !== null && scene.matches[name[node]] === 1;
      if (right - left < NARROW) {
        if (runFrom >= 0 && (left - runTo > 0.5 || runMatch !== matched)) flush();
        if (runFrom < 0) runFrom = left;
        runTo = right;
        runMatch = matched;
        continue;
      }
      flush();
      frame.node = node;
      const gap = right - left > 3 ? 1 : 0;
      const ancestor = d < zoomed;
      const faint = scene.matches !== null ? !matched : ancestor;
      context.fillStyle = matched ? theme.match : scene.fill(frame, faint);
      // An inlined call has no line between itself and its caller.
      const joined = inlined !== null && inlined[node] === 1 ? 1 : 0;
      const top = joined && !scene.flip ? y - 1 : y;
      context.fillRect(PADDING + left, top, right - left - gap, ROW - 1 + joined);
      const mark = scene.mark(frame);
      if (mark !== "" && right - left > 2) this.drawMark(mark, PADDING + left, y, right - left - gap);
      if (this.hoverName === name[node] && right - left > 4) {
        context.strokeStyle = theme.text;
        context.lineWidth = 1;
        context.strokeRect(PADDING + left + 0.5, y + 0.5, right - left - gap - 1, ROW - 2);
      }
      const indent = mark === "new" ? TEXT_LEFT + 4 : TEXT_LEFT;
      if (right - left - gap >= TEXT_FROM + indent) {
        const text = this.fit(name[node], right - left - gap - indent - 3, mark);
        if (text !== "") {
          context.fillStyle = matched ? theme.matchText : faint ? theme.faintText : theme.text;
          context.fillText(text, PADDING + left + indent, y + ROW / 2);
        }
      }
    }
    flush();
  }

  /** New: a bar at the left. Gone: hatched. */
  private drawMark(mark: "new" | "gone", left: number, y: number, width: number): void {
    const { context, theme } = this;
    if (mark === "new") {
      context.fillStyle = theme.text;
      context.fillRect(left, y, Math.min(4, width / 2), ROW - 1);
      return;
    }
    if (this.hatching === null || this.hatchingDark !== theme.dark) {
      const tile = document.createElement("canvas");
      tile.width = tile.height = 8;
      const pen = tile.getContext("2d") as CanvasRenderingContext2D;
      pen.strokeStyle = theme.dark ? "rgb(255 255 255 / 0.2)" : "rgb(0 0 0 / 0.16)";
      pen.lineWidth = 2;
      pen.beginPath();
      for (const shift of [-8, 0, 8]) {
        pen.moveTo(shift - 1, 9);
        pen.lineTo(shift + 9, -1);
      }
      pen.stroke();
      this.hatching = context.createPattern(tile, "repeat");
      this.hatchingDark = theme.dark;
    }
    if (this.hatching) {
      context.fillStyle = this.hatching;
      context.fillRect(left, y, width, ROW - 1);
    }
  }

  private outline(frame: Frame, line: number): void {
    const scene = this.scene as Scene;
    const pane = scene.panes[frame.pane];
    if (!pane || frame.node >= pane.tree.n || pane.tree.depth[frame.node] >= this.extents[frame.pane]) return;
    const zoom = scene.zoom;
    if (zoom && zoom.pane === frame.pane) {
      const shown = isUnder(pane.tree, frame.node, zoom.node) || isUnder(pane.tree, zoom.node, frame.node);
      if (!shown) return;
    }
    const { x, y, width } = this.box(frame);
    this.context.strokeStyle = this.theme.focus;
    this.context.lineWidth = line;
    this.context.strokeRect(x, y - 0.5, Math.max(1, width - 1), ROW);
  }

  /** The longest form of a name that fits, cut if none does. */
  private fit(name: number, room: number, mark: string): string {
    const { context } = this;
    const prefix = mark === "" ? "" : `${mark}: `;
    let label = this.labels[name];
    if (label === undefined) {
      label = { forms: forms((this.scene as Scene).names[name].slice(0, LONGEST)), widths: [] };
      this.labels[name] = label;
    }
    let left = room;
    let before = "";
    // the words are for frames that have room for both
    if (prefix !== "" && room > 110) {
      before = prefix;
      left -= context.measureText(prefix).width;
    }
    const last = label.forms.length - 1;
    for (let i = 0; i <= last; i++) {
      const text = label.forms[i];
      const width = (label.widths[i] ??= context.measureText(text).width);
      if (width <= left) return before + text;
      if (i === last) {
        let n = Math.floor((text.length * (left - 10)) / width);
        while (n > 0 && context.measureText(text.slice(0, n) + "…").width > left) n--;
        return n > 1 ? before + text.slice(0, n) + "…" : "";
      }
    }
    return "";
  }
}
