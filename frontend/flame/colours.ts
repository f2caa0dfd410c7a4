// Colours of frames, as CSS texts; the same package has the same hue everywhere.

import { hash, packageOf } from "./names";

export interface Theme {
  dark: boolean;
  background: string;
  text: string;
  faintText: string;
  /** Frames that are too narrow to be told apart. */
  crumbs: string;
  match: string;
  matchText: string;
  focus: string;
}

const LIGHT: Theme = {
  dark: false,
  background: "#ffffff",
  text: "#16181d",
  faintText: "#6b7280",
  crumbs: "#d4d7dd",
  match: "oklch(0.86 0.19 100)",
  matchText: "#16181d",
  focus: "#16181d",
};
const DARK: Theme = {
  dark: true,
  background: "#15171c",
  text: "#f3f4f6",
  faintText: "#8b93a1",
  crumbs: "#363b45",
  match: "oklch(0.86 0.18 100)",
  matchText: "#16181d",
  focus: "#ffffff",
};

export function theme(dark: boolean): Theme {
  return dark ? DARK : LIGHT;
}

/** The fill of a function, plain or faint. Go's runtime is grey, so that a program's own code stands out. */
export function packageColour(name: string, dark: boolean, faint: boolean): string {
  const place = packageOf(name);
  const mixed = hash(place);
  const hue = mixed % 360;
  const runtime = place === "runtime" || place.startsWith("runtime/") || place.startsWith("internal/runtime/");
  const chroma = runtime ? 0.012 : 0.07 + ((mixed >>> 12) % 5) * 0.011;
  // functions of one package differ a little
  const shade = ((hash(name) >>> 8) % 5) * 0.012;
  if (faint) return oklch(dark ? 0.27 + shade / 2 : 0.945 - shade / 2, chroma * 0.28, hue);
  return oklch(dark ? 0.42 + shade : 0.86 - shade, chroma, hue);
}

/**
 * The fill of a frame of a diff. Red for growth and blue for shrinkage, which colour-blind people tell apart;
 * the more of the frame has changed, the stronger; grey for no change. `ratio` is from -1 to 1.
 */
export function changeColour(ratio: number, dark: boolean, faint: boolean): string {
  const step = Math.round(Math.min(1, Math.sqrt(Math.abs(ratio))) * 8) / 8;
  const hue = ratio > 0 ? 32 : 250;
  if (faint) return oklch(dark ? 0.27 : 0.945, 0.035 * step, hue);
  return oklch(dark ? 0.36 + 0.1 * step : 0.9 - 0.14 * step, 0.005 + 0.135 * step, hue);
}

function oklch(lightness: number, chroma: number, hue: number): string {
  return `oklch(${lightness.toFixed(3)} ${chroma.toFixed(3)} ${hue})`;
}
