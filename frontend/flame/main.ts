// The flame graph's page: state, controls, what a frame is, and the list of functions.

import "./flame.css";
import { Chart, type Frame, type Pane, type Scene } from "./chart";
import { changeColour, packageColour, theme } from "./colours";
import { type Data, readData } from "./data";
import { button, el, select } from "./dom";
import { amount, change, percent, plural } from "./format";
import { matcher } from "./names";
import { decode, encode, MEASURES, type PivotOn, type State } from "./state";
import { find, functions, mainTree, pivot, type Tree } from "./tree";

const LISTED = 100;
const SHOWN_TEXT = 2000;

class Page {
  private state: State;
  private main!: Tree;
  private mainKey = "";
  private panes: Pane[] = [];
  private panesKey = "";
  private matches: Uint8Array | null = null;
  private matchesQuery = "";
  private steps: number[] | null = null;
  private step = -1;
  private pushed = false;
  private clicked: { frame: Frame; name: number } | null = null;
  private sortBy: "flat" | "cum" = "flat";
  private listTimer = 0;
  private colours: string[][] = [];
  private readonly diff: boolean;
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");
  private readonly chart: Chart;
  private readonly graph = el("div", { id: "graph" });
  private readonly controls = el("div", { id: "controls" });
  private readonly search = el("input", {
    type: "search",
    placeholder: "Search: text or /regex/",
    "aria-label": "Search functions: text, or a regular expression between slashes",
    spellcheck: "false",
    autocomplete: "off",
    maxlength: "500",
  });
  private readonly result = el("span", { id: "result", role: "status" });
  private readonly crumb = el("div", { id: "where" });
  private readonly nothing = el("div", { id: "nothing" });
  private readonly tip = el("div", { id: "tip", role: "tooltip" });
  private readonly details = el("footer", { id: "details" });
  private readonly spoken = el("div", { class: "spoken", "aria-live": "polite" });
  private readonly list = el("aside", { id: "list", "aria-label": "Functions" });
  private readonly help = el("dialog", { id: "help", "aria-label": "Help" });

  constructor(private readonly data: Data) {
    this.diff = data.types[0].diff;
    this.state = this.fromAddress();
    document.title = data.title;
    this.build();
    this.chart = new Chart(this.graph, theme(this.dark.matches));
    const canvas = this.chart.element;
    canvas.id = "frames";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "flame graph");
    canvas.setAttribute("aria-label", "Flame graph. Arrow keys move between frames, Enter zooms, P pivots.");
    this.listen(canvas);
    this.update(true);
  }

  private fromAddress(): State {
    const { types, names, chosen } = this.data;
    return decode(location.hash, types.length, names.length, chosen);
  }

  // --- the page

  private build(): void {
    const { data, controls } = this;
    this.search.value = this.state.query;
    this.fillControls();
    const about = el("details", { id: "about" }, el("summary", {}, "About"));
    for (const note of data.notes) about.append(el("p", {}, note));
    if (data.left_out) {
      about.append(el("p", {}, `${plural(data.left_out, "frame")} too small to be shown are left out.`));
    }
    const hasNotes = data.notes.length > 0 || data.left_out > 0;
    const header = el("header", {}, el("h1", {}, data.title), hasNotes ? about : null, controls);
    this.fillHelp();
    const chart = el("main", {}, this.crumb, this.graph, this.nothing);
    document.body.append(header, chart, this.list, this.details, this.tip, this.spoken, this.help);
  }

  private fillControls(): void {
    const { data, controls } = this;
    const parts: HTMLElement[] = [];
    if (data.types.length > 1) {
      const names = data.types.map((type) => type.name);
      parts.push(
        select("Sample", names, this.state.type, (type) => {
          // frames of a pivot are numbered anew for each sample type
          const zoom = this.state.pivot ? null : this.state.zoom;
          this.go({ type, zoom }, "push");
        }),
      );
    }
    if (this.diff) {
      const labels = ["before and after", "change", "after", "before"];
      parts.push(
        select("Width", labels, MEASURES.indexOf(this.state.measure), (index) => {
          const zoom = this.state.pivot ? null : this.state.zoom;
          this.go({ measure: MEASURES[index], zoom }, "push");
        }),
      );
    }
    const searching = el("div", { class: "searching" }, this.search, this.result);
    parts.push(searching);
    const flip = button("Flip", "Root at the top or at the bottom (i)", () => this.flip());
    const reset = button("Reset", "Show all (Esc)", () => this.reset());
    const list = button("Functions", "Show or hide the list of functions (l)", () => this.toggleList());
    const help = button("?", "Help", () => this.help.showModal());
    help.setAttribute("aria-label", "Help");
    parts.push(el("div", { class: "buttons" }, flip, reset, list, help));
    if (this.diff) parts.push(legend());
    controls.replaceChildren(...parts);
  }

  private fillHelp(): void {
    const keys: [string, string][] = [
      ["click", "zoom to a frame; on a frame above it, zoom out"],
      ["double click, p", "callers above and callees below a function"],
      ["Esc", "show all again"],
      ["back", "one step back"],
      ["arrows, Enter", "move between frames, zoom"],
      ["/", "search: text in any case, or /regex/"],
      ["Enter in the search", "pivot on what was found"],
      ["n, N", "zoom to the next, the previous frame found, largest first"],
      ["i", "root at the top or at the bottom"],
      ["l", "list of functions"],
      ["c", "copy the name of a frame"],
    ];
    const rows = el("dl");
    for (const [key, what] of keys) rows.append(el("dt", {}, key), el("dd", {}, what));
    const notes = el("div");
    const say = (text: string): void => notes.append(el("p", {}, text));
    if (this.diff) {
      say("Red grew, blue shrank; the stronger the colour, the more of the frame has changed. New frames have a bar at the left, those that are gone are hatched.");
    } else {
      say("Colours are those of packages. Flat is a function's own value, total includes what it calls.");
    }
    say("A frame joined to the one that calls it was inlined. A grey band is frames too narrow to draw: zoom to see them.");
    const close = button("Close", "Close", () => this.help.close());
    this.help.append(el("h2", {}, "Help"), rows, notes, close);
  }

  // --- state

  /** Changes what is shown; `how` says whether the back button comes back to what was shown before. */
  private go(change: Partial<State>, how: "push" | "replace"): void {
    this.state = { ...this.state, ...change };
    const address = encode(this.state, this.data.chosen);
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
    const moved = "zoom" in change || "pivot" in change || "flip" in change;
    this.update(moved);
  }

  private update(moved: boolean): void {
    const { data, state } = this;
    const key = `${state.type} ${state.measure}`;
    if (key !== this.mainKey) {
      this.main = mainTree(data, state.type, state.measure);
      this.mainKey = key;
      this.panesKey = "";
      this.matchesQuery = "";
    }
    this.setPanes();
    this.setZoom();
    this.setMatches();
    const empty = this.panes[0].tree.width[0] === 0;
    document.body.classList.toggle("empty", empty);
    if (empty) this.sayNothing();
    const { chart } = this;
    chart.hover = null;
    chart.cursor = null;
    chart.hoverName = -1;
    this.tip.hidden = true;
    chart.show(this.scene());
    if (moved) this.scroll();
    this.sayWhere();
    this.describe(state.zoom ?? { pane: 0, node: 0 });
    clearTimeout(this.listTimer);
    this.listTimer = window.setTimeout(() => this.fillList(), 30);
  }

  private setPanes(): void {
    const on = this.state.pivot;
    const key = on === null ? "all" : JSON.stringify(on);
    if (key === this.panesKey) return;
    this.panesKey = key;
    this.panes = [{ tree: this.main, first: 0, up: false }];
    if (on === null) return;
    const { callees, callers } = pivot(this.main, this.chosen(on));
    this.panes = [
      { tree: callees, first: 1, up: false },
      { tree: callers, first: 2, up: true },
    ];
  }

  private chosen(on: PivotOn): Uint8Array {
    if ("query" in on) return this.matching(on.query) ?? new Uint8Array(this.data.names.length);
    const chosen = new Uint8Array(this.data.names.length);
    chosen[on.name] = 1;
    return chosen;
  }

  /** A frame that this tree does not have, or that has no width here, gives way to the nearest above. */
  private setZoom(): void {
    const { zoom } = this.state;
    if (zoom === null) return;
    const tree = this.panes[zoom.pane]?.tree;
    let node = tree && zoom.node < tree.n ? zoom.node : 0;
    while (node > 0 && tree.width[node] === 0) node = tree.parent[node];
    this.state.zoom = node > 0 ? { pane: zoom.pane, node } : null;
  }

  private matching(query: string): Uint8Array | null {
    const match = matcher(query);
    if (match === null || "error" in match) return null;
    const { names } = this.data;
    const matches = new Uint8Array(names.length);
    for (let i = 0; i < names.length; i++) matches[i] = match.test(names[i]) ? 1 : 0;
    return matches;
  }

  private setMatches(): void {
    const { query } = this.state;
    if (query === this.matchesQuery && query !== "") return;
    this.matchesQuery = query;
    this.steps = null;
    this.step = -1;
    this.matches = this.matching(query);
    const match = matcher(query);
    const failed = match !== null && "error" in match ? match.error : "";
    this.search.setAttribute("aria-invalid", String(failed !== ""));
    this.result.classList.toggle("failed", failed !== "");
    if (this.matches === null) {
      this.result.textContent = failed.slice(0, 200);
      return;
    }
    const found = find(this.main, this.matches);
    const unit = this.unit;
    let text = found.frames === 0 ? "no match" : `${plural(found.functions, "function")}, `;
    if (found.frames > 0 && this.diff) {
      const base = this.main.base as Float64Array;
      text += `${amount(found.base, unit)} → ${amount(found.total, unit)} `;
      text += `(${percent(found.base, base[0]) || "0%"} → ${percent(found.total, this.main.total[0]) || "0%"})`;
    } else if (found.frames > 0) {
      text += `${amount(found.total, unit)}, ${percent(found.total, this.whole)} of all`;
    }
    this.result.textContent = text;
    this.result.title = found.frames > 0 ? plural(found.frames, "frame") : "";
  }

  private get unit(): string {
    return this.data.types[this.state.type].unit;
  }

  /** What percentages are of: all of the profile; where values are negative too, all of their sizes. */
  private get whole(): number {
    const { total, width } = this.main;
    return this.diff ? total[0] : Math.max(Math.abs(total[0]), this.signed ? width[0] : 0);
  }

  /** A profile that another one was subtracted from has no "before", only values of both signs. */
  private get signed(): boolean {
    return !this.diff && this.main.width[0] > Math.abs(this.main.total[0]) * (1 + 1e-9);
  }

  private scene(): Scene {
    const { data, state, panes } = this;
    const dark = this.dark.matches;
    const { diff, signed } = this;
    const colours = this.packageColours(dark);
    return {
      panes,
      zoom: state.zoom,
      flip: state.flip,
      names: data.names,
      matches: this.matches,
      fill: (frame, faint) => {
        const { tree } = panes[frame.pane];
        const after = tree.total[frame.node];
        if (tree.base !== null && diff) {
          const before = tree.base[frame.node];
          const size = Math.max(Math.abs(before), Math.abs(after));
          return changeColour(size ? (after - before) / size : 0, dark, faint);
        }
        if (signed) return changeColour(after / tree.width[frame.node], dark, faint);
        const name = tree.name[frame.node];
        return (colours[faint ? 1 : 0][name] ??= packageColour(data.names[name], dark, faint));
      },
      mark: (frame) => {
        const { tree } = panes[frame.pane];
        if (tree.base === null) return "";
        const before = tree.base[frame.node];
        const after = tree.total[frame.node];
        if (before === 0 && after !== 0) return "new";
        return after === 0 && before !== 0 ? "gone" : "";
      },
    };
  }

  private packageColours(dark: boolean): string[][] {
    const at = dark ? 2 : 0;
    this.colours[at] ??= [];
    this.colours[at + 1] ??= [];
    return this.colours.slice(at, at + 2);
  }

  private scroll(): void {
    const { zoom, pivot: on } = this.state;
    if (zoom) {
      this.chart.reveal(zoom);
    } else if (on && this.panes[0].tree.n > 1) {
      const { tree } = this.panes[0];
      if (tree.width[0] > 0) this.chart.reveal({ pane: 0, node: tree.order[1] }, true);
    } else {
      this.chart.scrollToRoot();
    }
  }

  private flip(): void {
    this.go({ flip: !this.state.flip }, "replace");
  }

  private reset(): void {
    const { zoom, pivot: on } = this.state;
    if (zoom || on) this.go({ zoom: null, pivot: null }, "push");
  }

  private pivotOn(on: PivotOn, how: "push" | "replace"): void {
    if (JSON.stringify(on) === JSON.stringify(this.state.pivot) && !this.state.zoom) return;
    this.go({ pivot: on, zoom: null }, how);
  }

  private pivotOnFrame(frame: Frame): void {
    if (this.isRoot(frame)) return;
    this.pivotOn({ name: this.panes[frame.pane].tree.name[frame.node] }, "push");
  }

  private isRoot(frame: Frame): boolean {
    return frame.node === 0;
  }

  private zoomTo(frame: Frame): boolean {
    const target = this.isRoot(frame) ? null : frame;
    const { zoom } = this.state;
    if (target?.node === zoom?.node && target?.pane === zoom?.pane) return false;
    this.go({ zoom: target }, "push");
    return true;
  }

  // --- what is said about frames

  private nameOf(frame: Frame): string {
    const { tree } = this.panes[frame.pane];
    if (frame.node === 0 && this.state.pivot) return this.pivotName(this.state.pivot);
    return cut(this.data.names[tree.name[frame.node]]);
  }

  private pivotName(on: PivotOn): string {
    return "name" in on ? cut(this.data.names[on.name]) : cut(on.query);
  }

  private lines(frame: Frame): string[] {
    const { tree, up } = this.panes[frame.pane];
    const { node } = frame;
    const unit = this.unit;
    const lines: string[] = [];
    const total = tree.total[node];
    const zoomed = this.state.zoom?.pane === frame.pane ? this.state.zoom.node : 0;
    if (tree.base !== null) {
      const before = tree.base[node];
      const all = this.main.base as Float64Array;
      const mark = before === 0 ? "new: " : total === 0 ? "gone: " : "";
      const shares = `${percent(before, all[0]) || "0%"} → ${percent(total, this.main.total[0]) || "0%"} of all`;
      lines.push(`total: before ${amount(before, unit)}, after ${amount(total, unit)} (${shares})`);
      lines.push(`change: ${mark}${change(total - before, unit)}${relative(before, total)}`);
      if (!up) {
        const [b, a] = [(tree.flatBase as Float64Array)[node], tree.flat[node]];
        lines.push(`flat: before ${amount(b, unit)}, after ${amount(a, unit)}, change ${change(a - b, unit)}`);
      }
    } else if (up) {
      const on = this.pivotName(this.state.pivot as PivotOn);
      const share = percent(total, tree.total[0]);
      lines.push(`${amount(total, unit)} of ${on} come through here: ${share} of it, ${this.ofAll(total)}`);
    } else {
      lines.push(`flat ${amount(tree.flat[node], unit)}, ${this.ofAll(tree.flat[node])}`);
      let text = `total ${amount(total, unit)}, ${this.ofAll(total)}`;
      if (zoomed > 0) text += `, ${percent(total, tree.total[zoomed])} of the zoomed frame`;
      else if (this.state.pivot) text += `, ${percent(total, tree.total[0])} of ${this.pivotName(this.state.pivot)}`;
      lines.push(text);
    }
    const place = frame.node === 0 ? "" : (this.data.places[tree.name[node]] ?? "");
    const inlined = tree.inlined !== null && tree.inlined[node] === 1 ? "inlined into its caller" : "";
    const rest = [cut(place), inlined].filter((text) => text !== "").join(", ");
    if (rest) lines.push(rest);
    return lines;
  }

  private ofAll(value: number): string {
    return `${percent(value, this.whole) || "0%"} of all`;
  }

  private describe(frame: Frame): void {
    const text = el("div", { class: "numbers" });
    for (const line of this.lines(frame)) text.append(el("span", {}, line));
    this.details.replaceChildren(el("div", { class: "name" }, this.nameOf(frame)), text);
  }

  private showTip(frame: Frame | null, x: number, y: number): void {
    this.tip.hidden = frame === null;
    if (frame === null) return;
    const name = el("div", { class: "name" }, this.nameOf(frame));
    this.tip.replaceChildren(name, ...this.lines(frame).map((line) => el("div", {}, line)));
    const { width, height } = this.tip.getBoundingClientRect();
    const left = Math.max(4, Math.min(x + 14, innerWidth - width - 4));
    const top = y + 18 + height > innerHeight ? y - height - 10 : y + 18;
    this.tip.style.transform = `translate(${left}px, ${Math.max(4, top)}px)`;
  }

  private sayWhere(): void {
    const { pivot: on, zoom } = this.state;
    const parts: (Node | string)[] = [];
    if (on) {
      const what = "name" in on ? this.pivotName(on) : `all that match ${this.pivotName(on)}`;
      parts.push("Callers and callees of ", el("b", {}, what));
    }
    if (zoom) parts.push(parts.length ? ", zoomed to " : "Zoomed to ", el("b", {}, this.nameOf(zoom)));
    if (parts.length) parts.push(" ", button("Show all", "Esc", () => this.reset()));
    this.crumb.hidden = parts.length === 0;
    this.crumb.replaceChildren(...parts);
  }

  private sayNothing(): void {
    const { data, state } = this;
    const type = data.types[state.type];
    this.nothing.replaceChildren(el("h2", {}, "Nothing here"));
    if (state.pivot) {
      const text = `${this.pivotName(state.pivot)} has no ${type.name} in this profile.`;
      this.nothing.append(el("p", {}, text), button("Show all", "Esc", () => this.reset()));
      return;
    }
    let text = `The profile has no ${type.name}.`;
    if (this.diff && state.measure === "change") text = `No frame's ${type.name} has changed.`;
    this.nothing.append(el("p", {}, text));
    data.types.forEach((other, index) => {
      if (index === state.type || mainTree(data, index, "both").width[0] === 0) return;
      this.nothing.append(button(`Show ${other.name}`, "", () => this.go({ type: index, zoom: null }, "push")));
    });
  }

  // --- the list of functions

  private toggleList(): void {
    document.body.classList.toggle("unlisted");
    this.resized();
    if (!document.body.classList.contains("unlisted")) this.fillList();
  }

  private fillList(): void {
    if (document.body.classList.contains("unlisted")) return;
    const { data, state, unit, diff } = this;
    const zoom = state.zoom?.pane === 0 ? state.zoom : null;
    const { tree } = this.panes[0];
    const all = functions(tree, zoom?.node ?? 0, data.names.length);
    const value = (column: "flat" | "cum", name: number): number => {
      const base = column === "flat" ? all.flatBase : all.cumBase;
      return all[column][name] - (diff && base ? base[name] : 0);
    };
    const by = this.sortBy;
    const other = by === "flat" ? "cum" : "flat";
    const key = (column: "flat" | "cum", name: number): number => Math.abs(value(column, name));
    const sorted = all.names
      .filter((name) => key(by, name) > 0)
      .sort((a, b) => key(by, b) - key(by, a) || key(other, b) - key(other, a) || a - b);
    const whole = diff ? (this.main.base as Float64Array)[0] || this.main.total[0] : this.whole;
    const show = diff ? change : amount;
    const head = el("tr");
    for (const column of ["flat", "cum"] as const) {
      const sort = button(diff ? `${column} change` : column, `Sort by ${column}`, () => {
        this.sortBy = column;
        this.fillList();
      });
      const sorting = column === by ? "descending" : "none";
      head.append(el("th", { scope: "col", "aria-sort": sorting }, sort), el("th", { scope: "col" }, "%"));
    }
    head.append(el("th", { scope: "col", class: "left" }, "function"));
    const body = el("tbody");
    for (const name of sorted.slice(0, LISTED)) {
      const row = el("tr");
      for (const column of ["flat", "cum"] as const) {
        const v = value(column, name);
        const sign = diff && v !== 0 ? (v > 0 ? "grew" : "shrank") : "";
        row.append(el("td", { class: sign }, show(v, unit)), el("td", { class: "share" }, percent(v, whole)));
      }
      const full = cut(data.names[name]);
      const to = button(full, full, () => this.pivotOn({ name }, "push"));
      to.addEventListener("pointerenter", () => this.outlineName(name));
      to.addEventListener("pointerleave", () => this.outlineName(-1));
      row.append(el("td", { class: "left" }, to));
      body.append(row);
    }
    const where = zoom ? `Functions in ${this.nameOf(zoom)}` : state.pivot ? "Functions below" : "Functions";
    const rest = sorted.length - LISTED;
    this.list.replaceChildren(
      el("h2", {}, where),
      el("table", {}, el("thead", {}, head), body),
      rest > 0 ? el("p", {}, `and ${rest.toLocaleString("en-US")} more`) : "",
    );
  }

  private outlineName(name: number): void {
    this.chart.hoverName = name;
    this.chart.schedule();
  }

  // --- input

  private listen(canvas: HTMLCanvasElement): void {
    const { chart } = this;
    const at = (event: MouseEvent): Frame | null => {
      const box = canvas.getBoundingClientRect();
      return chart.hit(event.clientX - box.left, event.clientY - box.top);
    };
    canvas.addEventListener("pointermove", (event) => {
      if (event.pointerType === "touch") return;
      const frame = at(event);
      if (frame?.node !== chart.hover?.node || frame?.pane !== chart.hover?.pane) {
        chart.hover = frame;
        chart.hoverName = frame && frame.node > 0 ? this.panes[frame.pane].tree.name[frame.node] : -1;
        chart.schedule();
        canvas.classList.toggle("over", frame !== null);
        this.describe(frame ?? this.state.zoom ?? { pane: 0, node: 0 });
      }
      this.showTip(frame, event.clientX, event.clientY);
    });
    canvas.addEventListener("pointerleave", () => {
      chart.hover = null;
      chart.hoverName = -1;
      this.tip.hidden = true;
      chart.schedule();
    });
    this.graph.addEventListener("scroll", () => (this.tip.hidden = true), { passive: true });
    canvas.addEventListener("click", (event) => {
      if (event.detail > 1) return;
      const frame = at(event);
      this.clicked = null;
      if (frame === null) return;
      this.clicked = { frame, name: this.panes[frame.pane].tree.name[frame.node] };
      this.pushed = this.zoomTo(frame);
      this.describe(frame);
    });
    canvas.addEventListener("dblclick", () => {
      // The first click has zoomed and perhaps moved things: what was clicked then is meant. Its step in the
      // history becomes this one.
      const { clicked } = this;
      this.clicked = null;
      if (clicked === null || this.isRoot(clicked.frame)) return;
      this.pivotOn({ name: clicked.name }, this.pushed ? "replace" : "push");
    });
    canvas.addEventListener("keydown", (event) => this.move(event));
    this.search.addEventListener("input", () => this.go({ query: this.search.value }, "replace"));
    this.search.addEventListener("keydown", (event) => this.searchKey(event));
    document.addEventListener("keydown", (event) => this.key(event));
    window.addEventListener("popstate", () => this.restored());
    this.dark.addEventListener("change", () => {
      chart.setTheme(theme(this.dark.matches));
      chart.show(this.scene());
    });
    new ResizeObserver(() => this.resized()).observe(this.graph);
  }

  private resized(): void {
    this.chart.measure();
    this.chart.schedule();
  }

  private restored(): void {
    this.state = this.fromAddress();
    this.search.value = this.state.query;
    this.fillControls();
    this.update(true);
  }

  private searchKey(event: KeyboardEvent): void {
    if (event.key === "Enter" && this.matches?.includes(1)) {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) this.next(event.shiftKey ? -1 : 1);
      else this.pivotOn({ query: this.state.query }, "push");
    } else if (event.key === "Escape") {
      event.stopPropagation();
      this.search.value = "";
      this.go({ query: "" }, "replace");
      this.chart.element.focus();
    }
  }

  /** Zooms from match to match, the largest first; those below another match are in it already. */
  private next(by: number): void {
    if (this.matches === null) return;
    const { tree } = this.panes[0];
    if (this.steps === null) {
      const inside = new Uint8Array(tree.n);
      const steps: number[] = [];
      for (let i = 1; i < tree.n; i++) {
        const matched = this.matches[tree.name[i]];
        inside[i] = matched | inside[tree.parent[i]];
        if (matched && !inside[tree.parent[i]] && tree.width[i] > 0) steps.push(i);
      }
      this.steps = steps.sort((a, b) => tree.width[b] - tree.width[a] || a - b);
    }
    if (this.steps.length === 0) return;
    const count = this.steps.length;
    const from = this.step < 0 && by < 0 ? 0 : this.step;
    this.step = (from + by + count) % count;
    const steps = this.steps;
    this.zoomTo({ pane: 0, node: steps[this.step] });
    this.steps = steps;
    this.speak(`match ${this.step + 1} of ${count}`);
  }

  private key(event: KeyboardEvent): void {
    const target = event.target as Element;
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    if (target.matches("input, select, textarea")) return;
    switch (event.key) {
      case "/":
        event.preventDefault();
        this.search.focus();
        this.search.select();
        break;
      case "Escape":
        this.reset();
        break;
      case "i":
        this.flip();
        break;
      case "l":
        this.toggleList();
        break;
      case "n":
        this.next(1);
        break;
      case "N":
        this.next(-1);
        break;
      case "p": {
        const frame = this.chart.hover ?? this.chart.cursor ?? this.state.zoom;
        if (frame) this.pivotOnFrame(frame);
        break;
      }
      case "c": {
        const frame = this.chart.hover ?? this.chart.cursor ?? this.state.zoom;
        if (frame) void navigator.clipboard?.writeText(this.data.names[this.panes[frame.pane].tree.name[frame.node]]);
        break;
      }
      case "?":
        this.help.showModal();
        break;
    }
  }

  /** Arrow keys: up and down as it is drawn, left and right in a level. */
  private move(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { chart, panes } = this;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const { cursor } = chart;
      if (cursor && this.zoomTo(cursor)) this.setCursor(cursor);
      return;
    }
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    if (panes[0].tree.width[0] === 0) return;
    const start = this.state.zoom ?? { pane: 0, node: this.state.pivot ? panes[0].tree.order[1] : 0 };
    const { cursor } = chart;
    if (cursor === null) {
      this.setCursor(start);
      return;
    }
    const down = event.key === (this.state.flip ? "ArrowUp" : "ArrowDown");
    const up = event.key === (this.state.flip ? "ArrowDown" : "ArrowUp");
    const next = down || up ? this.vertical(cursor, down) : this.sideways(cursor, event.key === "ArrowLeft" ? -1 : 1);
    if (next !== null) this.setCursor(next);
  }

  private vertical(cursor: Frame, down: boolean): Frame | null {
    const { panes } = this;
    const { tree, first, up } = panes[cursor.pane];
    if (down !== up) {
      // away from the root of the tree, to the widest child that can be seen
      const zoom = this.state.zoom;
      if (zoom?.pane === cursor.pane && tree.depth[cursor.node] < tree.depth[zoom.node]) {
        let node = zoom.node;
        while (tree.depth[node] > tree.depth[cursor.node] + 1) node = tree.parent[node];
        return { pane: cursor.pane, node };
      }
      const from = tree.first[cursor.node];
      return from < tree.first[cursor.node + 1] ? { pane: cursor.pane, node: tree.child[from] } : null;
    }
    const node = tree.parent[cursor.node];
    if (node >= 0 && tree.depth[node] >= first) return { pane: cursor.pane, node };
    // across the line between callers and callees
    const other = panes[1 - cursor.pane];
    if (!other) return null;
    const name = tree.name[up ? node : cursor.node];
    if (up) return this.topLevel(0, name);
    const above = this.topLevel(1, name);
    const k = above === null ? 0 : other.tree.first[above.node];
    return above !== null && k < other.tree.first[above.node + 1] ? { pane: 1, node: other.tree.child[k] } : null;
  }

  private topLevel(pane: number, name: number): Frame | null {
    const { tree } = this.panes[pane];
    for (let k = tree.first[0]; k < tree.first[1]; k++) {
      if (tree.name[tree.child[k]] === name) return { pane, node: tree.child[k] };
    }
    return null;
  }

  private sideways(cursor: Frame, by: number): Frame | null {
    const { tree } = this.panes[cursor.pane];
    const d = tree.depth[cursor.node];
    const at = tree.order.subarray(tree.level[d], tree.level[d + 1]).indexOf(cursor.node);
    const node = tree.order[tree.level[d] + at + by];
    if (at < 0 || at + by < 0 || tree.level[d] + at + by >= tree.level[d + 1]) return null;
    const { zoom } = this.state;
    if (zoom?.pane === cursor.pane) {
      const [left, right] = [tree.x[zoom.node], tree.x[zoom.node] + tree.width[zoom.node]];
      if (tree.x[node] >= right || tree.x[node] + tree.width[node] <= left) return null;
    }
    return { pane: cursor.pane, node };
  }

  private setCursor(frame: Frame): void {
    this.chart.cursor = frame;
    this.chart.hover = null;
    this.tip.hidden = true;
    this.chart.reveal(frame);
    this.chart.schedule();
    this.describe(frame);
    this.speak([this.nameOf(frame), ...this.lines(frame)].join(". "));
  }

  private speak(text: string): void {
    this.spoken.textContent = text;
  }
}

/** Names are as long as their writer likes. */
function cut(text: string): string {
  return text.length > SHOWN_TEXT ? text.slice(0, SHOWN_TEXT) + "…" : text;
}

function relative(before: number, after: number): string {
  if (before === 0 || after === 0 || before === after) return "";
  const ratio = (after - before) / Math.abs(before);
  return ` (${ratio > 0 ? "+" : ""}${percent(ratio, 1)})`;
}

function legend(): HTMLElement {
  const entry = (kind: string, text: string): HTMLElement => {
    return el("span", {}, el("i", { class: kind }), text);
  };
  return el("div", { class: "legend" }, entry("grew", "grew"), entry("shrank", "shrank"), entry("new", "new"), entry("gone", "gone"));
}

async function start(): Promise<void> {
  const holder = document.getElementById("data") as HTMLElement;
  try {
    const data = await readData(holder.textContent ?? "");
    holder.remove();
    new Page(data);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    document.body.append(el("p", { class: "broken" }, `This page cannot be shown: ${why}`));
    throw error;
  }
}

void start();
