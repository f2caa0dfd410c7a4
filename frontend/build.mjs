// Bundles the pages: node build.mjs [DIRECTORY], by default into the Python package.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "../src/gosnap/report/html/static");

await build({
  absWorkingDir: here,
  entryPoints: { flame: "flame/main.ts" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  charset: "utf8",
  legalComments: "none",
});

// The page holds both as they are, between its tags.
for (const [file, end] of [["flame.js", "</script"], ["flame.css", "</style"]]) {
  const text = readFileSync(join(out, file), "utf8").toLowerCase();
  if (text.includes(end) || text.includes("<!--")) throw new Error(`${file} ends the element that holds it`);
}
