// Values as pprof prints them.

const MEMORY: [string, number][] = [
  ["B", 1],
  ["kB", 1024],
  ["MB", 1024 ** 2],
  ["GB", 1024 ** 3],
  ["TB", 1024 ** 4],
  ["PB", 1024 ** 5],
];
const TIME: [string, number][] = [
  ["ns", 1],
  ["us", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
  ["hrs", 3600e9],
];
const MEMORY_NAMES = ["b", "byte", "kb", "kbyte", "kilobyte", "mb", "mbyte", "megabyte", "gb", "gbyte", "gigabyte"];
const MEMORY_POWER = [0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3];
const TIME_NAMES = ["ns", "nanosecond", "us", "μs", "microsecond", "ms", "millisecond", "s", "sec", "second"];
const TIME_FACTOR = [1, 1, 1e3, 1e3, 1e3, 1e6, 1e6, 1e9, 1e9, 1e9];
const MINUS = "−";

/** "512.19kB", "1.50s", "1,234"; other units behind the number. */
export function amount(value: number, unit: string): string {
  if (value < 0) return MINUS + amount(-value, unit);
  let singular = unit.toLowerCase();
  if (singular.length > 2 && singular.endsWith("s")) singular = singular.slice(0, -1);
  const memory = MEMORY_NAMES.indexOf(singular);
  if (memory >= 0) return scaled(value * 1024 ** MEMORY_POWER[memory], MEMORY);
  const time = TIME_NAMES.indexOf(singular);
  if (time >= 0) return scaled(value * TIME_FACTOR[time], TIME);
  const number = value.toLocaleString("en-US", { maximumFractionDigits: 2 });
  return ["", "count", "sample", "unit"].includes(singular) ? number : `${number} ${unit}`;
}

function scaled(value: number, units: [string, number][]): string {
  if (value === 0) return "0";
  let [name, factor] = units[0];
  for (const [larger, size] of units) if (value >= size) [name, factor] = [larger, size];
  return (value / factor).toFixed(2).replace(/\.00$/, "") + name;
}

/** A change, with its sign. */
export function change(value: number, unit: string): string {
  return (value > 0 ? "+" : "") + amount(value, unit);
}

/** "42.13%", "0.52%", "100%"; nothing where there is no whole. */
export function percent(part: number, whole: number): string {
  if (!whole) return "";
  const share = (100 * part) / whole;
  const size = Math.abs(share);
  if (size === 0) return "0%";
  if (size >= 99.95 && size <= 100.05) return share < 0 ? MINUS + "100%" : "100%";
  const text = size >= 1 ? size.toFixed(2) : Number(size.toPrecision(2)).toString();
  return (share < 0 ? MINUS : "") + text + "%";
}

/** "1 function", "1,234 functions". */
export function plural(n: number, one: string): string {
  return `${n.toLocaleString("en-US")} ${one}${n === 1 ? "" : "s"}`;
}
