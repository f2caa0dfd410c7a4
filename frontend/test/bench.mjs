// How long the page takes: npm run bench -- PAGE.html [ROUNDS]. It prints medians and the slowest of the rounds.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { launch } from "./chromium.mjs";

const [file, rounds = "5"] = process.argv.slice(2);
const url = pathToFileURL(resolve(file)).href;
const browser = await launch();
const taken = {};
const note = (what, ms) => (taken[what] ??= []).push(ms);

for (let round = 0; round < Number(rounds); round++) {
  const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
  page.on("pageerror", (error) => {
    throw error;
  });
  await page.goto(url);
  await page.waitForFunction(() => performance.getEntriesByName("gosnap:drawn").length > 0);
  note("drawn, from the start of the navigation", await page.evaluate(() => performance.getEntriesByName("gosnap:drawn")[0].startTime));
  note("painted, from the start of the navigation", await page.evaluate(async () => {
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.getEntriesByType("paint").at(-1).startTime;
  }));
  await page.waitForSelector("#list tbody tr");
  // From the event to the end of the frame that shows its effect, what has to be waited for included.
  const timed = (what, run) =>
    page
      .evaluate(async (run) => {
        const canvas = document.getElementById("frames");
        const box = canvas.getBoundingClientRect();
        const click = (x, y) =>
          canvas.dispatchEvent(new MouseEvent("click", { clientX: box.left + x, clientY: box.top + y, bubbles: true, detail: 1 }));
        const type = (text) => {
          const input = document.querySelector("input[type=search]");
          input.value = text;
          input.dispatchEvent(new Event("input"));
        };
        const key = (name) => canvas.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
        const start = performance.now();
        const work = { click, type, key }[run[0]](...run.slice(1));
        const handled = performance.now();
        await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
        return [handled - start, performance.now() - start];
      }, run)
      .then(([handled, shown]) => {
        note(`${what}: handler`, handled);
        note(`${what}: shown`, shown);
      });
  await timed("zoom in", ["click", 300, 78]);
  await page.waitForTimeout(80);
  await timed("zoom out", ["key", "Escape"]);
  await page.waitForTimeout(80);
  await timed("search, text", ["type", "json"]);
  await timed("search, one more letter", ["type", "json.h"]);
  await timed("search, regex", ["type", "/^(main|runtime)\\..*handle\\d+5$/"]);
  await timed("search cleared", ["type", ""]);
  await page.mouse.move(300, 120);
  await timed("pivot", ["key", "p"]);
  await page.waitForTimeout(80);
  await timed("pivot left", ["key", "Escape"]);
  await timed("flip", ["key", "i"]);
  await page.close();
}
await browser.close();

for (const [what, all] of Object.entries(taken)) {
  all.sort((a, b) => a - b);
  console.log(`${what.padEnd(44)} ${all[all.length >> 1].toFixed(1).padStart(8)} ms ${all.at(-1).toFixed(1).padStart(8)} ms`);
}
