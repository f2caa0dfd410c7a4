// What is shown, and how the address of the page says so: a copied address shows the same, back goes back.

import type { Frame } from "./chart";
import type { Measure } from "./tree";

export const MEASURES: Measure[] = ["both", "change", "after", "before"];

/** A function by its place in the names, or all that a search finds. */
export type PivotOn = { name: number } | { query: string };

export interface State {
  type: number;
  measure: Measure;
  flip: boolean;
  zoom: Frame | null;
  pivot: PivotOn | null;
  query: string;
}

export function encode(state: State, chosen: number): string {
  const parts = new URLSearchParams();
  if (state.type !== chosen) parts.set("type", String(state.type));
  if (state.measure !== MEASURES[0]) parts.set("width", state.measure);
  if (state.flip) parts.set("flip", "1");
  if (state.pivot) {
    if ("name" in state.pivot) parts.set("pivot", String(state.pivot.name));
    else parts.set("pivots", state.pivot.query);
  }
  if (state.zoom) parts.set("zoom", `${state.zoom.node}${state.zoom.pane === 1 ? "u" : ""}`);
  if (state.query) parts.set("q", state.query);
  return "#" + parts.toString();
}

/** The state of an address; what it names and this profile does not have is left out. */
export function decode(hash: string, types: number, names: number, chosen: number): State {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const number = (text: string | null, below: number): number | null => {
    if (text === null || !/^\d{1,9}$/.test(text)) return null;
    return Number(text) < below ? Number(text) : null;
  };
  const zoom = /^(\d{1,9})(u?)$/.exec(parts.get("zoom") ?? "");
  const measure = MEASURES.find((m) => m === parts.get("width"));
  const name = number(parts.get("pivot"), names);
  const query = parts.get("pivots");
  return {
    type: number(parts.get("type"), types) ?? chosen,
    measure: measure ?? MEASURES[0],
    flip: parts.get("flip") === "1",
    zoom: zoom && { node: Number(zoom[1]), pane: zoom[2] ? 1 : 0 },
    pivot: name !== null ? { name } : query ? { query } : null,
    query: parts.get("q") ?? "",
  };
}
