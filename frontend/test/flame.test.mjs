// The flame graph's page in Chromium. GOSNAP_PAGES names the directory that pages.py has written.
// What is expected is worked out here from the stacks, one by one, never from the page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./chromium.mjs";

const PAGES = resolve(process.env.GOSNAP_PAGES);
const SHOP = JSON.parse(readFileSync(join(PAGES, "shop.json"), "utf8"));
const ROW = 20;
const PADDING = 8;

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Opens a page; whatever it logs, throws or asks the network for fails the test at the end of `use`. */
async function open(name, use, { width = 1600, height = 900, dark = false, hash = "" } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
  const page = await context.newPage();
  const noise = [];
  page.on("console", (message) => {
    // that is about the pixels that these tests read
    if (!message.text().includes("willReadFrequently")) noise.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => noise.push(`error: ${error.stack}`));
  page.on("dialog", (dialog) => {
    noise.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  const url = pathToFileURL(join(PAGES, `${name}.html`)).href;
  page.on("request", (request) => {
    if (request.url().split("#")[0] !== url) noise.push(`request: ${request.url()}`);
  });
  await page.goto(url + hash);
  await page.waitForFunction(() => performance.getEntriesByName("gosnap:drawn").length > 0);
  await use(page, noise);
  assert.deepEqual(noise, []);
  await context.close();
}

const settle = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));

/** Pixels of the window for a share of the width and a row; negative rows count from the bottom. */
async function place(page, share, row) {
  const box = await page.locator("#frames").boundingBox();
  const y = row < 0 ? box.height - PADDING + (row + 0.5) * ROW : PADDING + (row + 0.5) * ROW;
  return [box.x + PADDING + share * (box.width - 2 * PADDING), box.y + y];
}

/** What the tooltip says there: the name and the lines, or null. */
async function at(page, share, row) {
  await page.mouse.move(...(await place(page, share, row)));
  await settle(page);
  if (await page.locator("#tip").isHidden()) return null;
  return page.locator("#tip").evaluate((tip) => [...tip.children].map((child) => child.textContent));
}

async function click(page, share, row, options) {
  await page.mouse.click(...(await place(page, share, row)), options);
  await settle(page);
}

const pivotOn = async (page, share, row) => {
  await page.mouse.dblclick(...(await place(page, share, row)));
  await settle(page);
};

const search = async (page, text) => {
  await page.fill("input[type=search]", text);
  await settle(page);
  return page.locator("#result").textContent();
};

/** A tree of paths, as [name, value, children], children by decreasing value. */
function grow(paths) {
  const groups = new Map();
  for (const [[name, ...rest], value] of paths) {
    if (name === undefined) continue;
    const group = groups.get(name) ?? [0, []];
    groups.set(name, [group[0] + value, [...group[1], [rest, value]]]);
  }
  return [...groups]
    .map(([name, [value, below]]) => [name, value, grow(below)])
    .sort((a, b) => b[1] - a[1]);
}

/** Asserts that these frames are drawn from `left` on, and nothing else beside them. */
async function assertFrames(page, frames, whole, left, row, step = 1) {
  for (const [name, value, below] of frames) {
    const width = value / whole;
    // near both edges: 3 pixels of some thousand
    const inside = Math.min(0.003, width / 3);
    for (const share of [left + inside, left + width - inside]) {
      assert.equal((await at(page, share, row))?.[0], name, `row ${row}, ${share}`);
    }
    await assertFrames(page, below, whole, left, row + step, step);
    const covered = below.reduce((sum, frame) => sum + frame[1], 0) / whole;
    if (width - covered > 0.01) {
      assert.notEqual((await at(page, left + width - 0.004, row + step))?.[0], below.at(-1)?.[0] ?? "");
    }
    left += width;
  }
}

const total = (column) => SHOP.reduce((sum, [, values]) => sum + values[column], 0);
const paths = (column) => SHOP.map(([stack, values]) => [stack, values[column]]);

test("frames stand where the stacks say, for each sample type", async () => {
  await open("shop", async (page) => {
    await assertFrames(page, [["root", total(0), grow(paths(0))]], total(0), 0, 0);
    await page.getByLabel("Sample").selectOption("inuse_objects");
    await settle(page);
    await assertFrames(page, [["root", total(1), grow(paths(1))]], total(1), 0, 0);
    await page.goBack();
    assert.deepEqual((await at(page, 0.5, 0))[2], "total 7.88MB, 100% of all");
  });
});

test("a tooltip and the details say flat, total, shares and the place", async () => {
  await open("shop", async (page) => {
    const add = ["example.com/shop/cart.(*Cart).Add", "flat 4MB, 50.79% of all", "total 6MB, 76.19% of all"];
    const tip = await at(page, 0.2, 3);
    assert.deepEqual(tip.slice(0, 3), add);
    assert.match(tip[3], /^\/src\/\d+\.go:\d+$/);
    const details = await page.locator("#details").textContent();
    for (const part of tip) assert.ok(details.includes(part), part);
    assert.match((await at(page, 0.1, 4))[3], /, inlined into its caller$/);
    assert.equal(await at(page, 0.9999, 8), null);
  });
});

test("a click zooms, a click above it and Esc zoom out, and the back button goes back", async () => {
  await open("shop", async (page) => {
    await click(page, 0.5, 2); // main.serve, 7 MB
    assert.equal((await at(page, 0.999, 0))[0], "root");
    assert.equal((await at(page, 0.999, 1))[0], "main.main");
    assert.equal((await at(page, 0.999, 2))[0], "main.serve");
    const [name, , text] = await at(page, 6 / 7 - 0.003, 3);
    assert.equal(name, "example.com/shop/cart.(*Cart).Add");
    assert.equal(text, "total 6MB, 76.19% of all, 85.71% of the zoomed frame");
    assert.equal((await at(page, 6 / 7 + 0.003, 3))[0], "encoding/json.Unmarshal");
    await click(page, 0.99, 3); // encoding/json.Unmarshal
    assert.equal((await at(page, 0.1, 3))[0], "encoding/json.Unmarshal");
    await page.goBack();
    await settle(page);
    assert.equal((await at(page, 0.1, 3))[0], "example.com/shop/cart.(*Cart).Add");
    await click(page, 0.5, 1); // main.main, above it
    assert.equal((await at(page, 0.999, 1))[0], "main.main");
    assert.equal((await at(page, 0.999, 2))[0], "main.walk");
    await page.keyboard.press("Escape");
    await settle(page);
    assert.equal((await at(page, 0.999, 1))[0], "net/http.(*conn).serve");
  });
});

/** Callers and callees by the outermost occurrence in each stack. */
function around(chosen, column) {
  const callers = [];
  const callees = [];
  for (const [stack, values] of SHOP) {
    const found = stack.findIndex(chosen);
    if (found < 0) continue;
    callees.push([stack.slice(found), values[column]]);
    callers.push([stack.slice(0, found + 1).reverse(), values[column]]);
  }
  return [grow(callers), grow(callees)];
}

async function assertPivot(page, chosen, column) {
  const [callers, callees] = around(chosen, column);
  const whole = callees.reduce((sum, frame) => sum + frame[1], 0);
  const depth = (frames) => Math.max(0, ...frames.map((frame) => 1 + depth(frame[2])));
  const row = depth(callers) - 1;
  await assertFrames(page, callees, whole, 0, row);
  await assertFrames(page, callers, whole, 0, row, -1);
}

test("a double click shows callers above and callees below, of the outermost calls only", async () => {
  await open("shop", async (page) => {
    await pivotOn(page, 0.85, 3); // encoding/json.Unmarshal
    await assertPivot(page, (name) => name === "encoding/json.Unmarshal", 0);
    const [, text] = await at(page, 0.1, 1); // main.serve: 1 of 1.625 MB
    assert.equal(text, "1MB through here, 61.54% of the chosen function, 12.70% of all");
    await page.goBack();
    await settle(page);
    assert.equal((await at(page, 0.5, 0))[0], "root");
    // recursion: main.walk three times in one stack
    await page.mouse.move(...(await place(page, 0.975, 3)));
    await settle(page);
    await page.keyboard.press("p");
    await settle(page);
    await assertPivot(page, (name) => name === "main.walk", 0);
    assert.match(await page.locator("#details").textContent(), /total 256kB, 3.17% of all/);
    await page.keyboard.press("Escape");
    await settle(page);
    assert.equal((await at(page, 0.5, 0))[0], "root");
  });
});

test("a search says how many match and their share, without counting nested ones twice", async () => {
  await open("shop", async (page) => {
    assert.equal(await search(page, "GROWslice"), "1 function, 2.25MB, 28.57% of all");
    assert.equal(await search(page, "main.walk"), "1 function, 256kB, 3.17% of all");
    assert.equal(await search(page, "/^main\\./"), "4 functions, 7.75MB, 98.41% of all");
    assert.equal(await search(page, "/MAIN\\.w/i"), "2 functions, 768kB, 9.52% of all");
    assert.equal(await search(page, "nothing like this"), "no match");
    assert.match(await search(page, "/(/"), /regular expression/i);
    assert.equal(await page.locator("input[type=search]").getAttribute("aria-invalid"), "true");
    assert.equal(await search(page, ""), "");
    await search(page, "/main\\.(walk|serve)/");
    await page.keyboard.press("Enter");
    await settle(page);
    await assertPivot(page, (name) => /main\.(walk|serve)/.test(name), 0);
    await page.goBack();
    await settle(page);
    assert.equal(await page.inputValue("input[type=search]"), "/main\\.(walk|serve)/");
    await page.locator("#frames").focus();
    await page.keyboard.press("n");
    await settle(page);
    assert.match(await page.locator("#where").textContent(), /zoomed to main.serve/);
    await page.keyboard.press("n");
    await settle(page);
    assert.match(await page.locator("#where").textContent(), /zoomed to main.walk/);
  });
});

/** The colour of a frame, a few pixels from its right end, where no text is. */
async function colour(page, share, row) {
  // what is under the pointer is outlined
  await page.mouse.move(2, 2);
  await settle(page);
  const [x, y] = await place(page, share, row);
  return page.evaluate(
    ([x, y]) => {
      const canvas = document.getElementById("frames");
      const box = canvas.getBoundingClientRect();
      return [...canvas.getContext("2d").getImageData(x - box.left, y - box.top, 1, 1).data].slice(0, 3);
    },
    [x, y],
  );
}

test("matches are marked, and the same package has the same hue in both modes", async () => {
  for (const dark of [false, true]) {
    await open(
      "shop",
      async (page) => {
        const plain = await colour(page, 0.7, 2);
        const other = await colour(page, 0.7, 3);
        assert.notDeepEqual(plain, other);
        await search(page, "Cart");
        assert.notDeepEqual(await colour(page, 0.7, 3), other);
        assert.notDeepEqual(await colour(page, 0.7, 2), plain);
        const [background] = await colour(page, 0.5, 20);
        assert.ok(dark ? background < 40 : background > 240);
      },
      { dark },
    );
  }
});

test("flipped, the root is at the bottom", async () => {
  await open("shop", async (page) => {
    await page.keyboard.press("i");
    await settle(page);
    await assertFrames(page, [["root", total(0), grow(paths(0))]], total(0), 0, -1, -1);
    await page.getByRole("button", { name: "Flip" }).click();
    await settle(page);
    assert.equal((await at(page, 0.5, 0))[0], "root");
  });
});

test("a diff shows before, after and change, and marks what is new and gone", async () => {
  await open("diff", async (page) => {
    // the larger of before and after is the width: shrank 400, grew 300, gone 250, new 150, kept 100
    const middle = { shrank: 200, grew: 550, gone: 825, new: 1025, kept: 1150 };
    const seen = {};
    for (const [name, x] of Object.entries(middle)) {
      seen[name] = await at(page, x / 1200, 2);
      assert.equal(seen[name][0], `main.${name}`);
    }
    assert.deepEqual(seen.grew.slice(1), [
      "total: before 100B, after 300B (11.76% → 46.15% of all)",
      "change: +200B (+200.00%)",
      "flat: before 100B, after 300B, change +200B",
    ]);
    assert.equal(seen.shrank[2], "change: −300B (−75.00%)");
    assert.equal(seen.new[2], "change: new: +150B");
    assert.equal(seen.gone[2], "change: gone: −250B");
    const red = await colour(page, 600 / 1200, 2);
    const blue = await colour(page, 380 / 1200, 2);
    const grey = await colour(page, 1190 / 1200, 2);
    assert.ok(red[0] > red[2] + 60, `grew is red: ${red}`);
    assert.ok(blue[2] > blue[0] + 60, `shrank is blue: ${blue}`);
    assert.ok(Math.max(...grey) - Math.min(...grey) < 12, `kept is grey: ${grey}`);
    assert.match(await search(page, "main.grew"), /^1 function, 100B → 300B \(11.76% → 46.15%\)$/);
    await search(page, "");

    await page.getByLabel("Width").selectOption("change");
    await settle(page);
    // 300, 250, 200, 150; what has not changed is not there
    for (const [name, x] of [["shrank", 100], ["gone", 400], ["grew", 600], ["new", 850]]) {
      assert.equal((await at(page, x / 900, 2))[0], `main.${name}`);
    }
    await page.getByLabel("Width").selectOption("after");
    await settle(page);
    for (const [name, x] of [["grew", 100], ["new", 400], ["kept", 500], ["shrank", 600]]) {
      assert.equal((await at(page, x / 650, 2))[0], `main.${name}`);
    }
    await page.getByLabel("Width").selectOption("before");
    await settle(page);
    for (const [name, x] of [["shrank", 100], ["gone", 500], ["kept", 700], ["grew", 800]]) {
      assert.equal((await at(page, x / 850, 2))[0], `main.${name}`);
    }
  });
});

test("values of both signs are as wide as they are large", async () => {
  await open("signed", async (page) => {
    assert.deepEqual(await at(page, 0.74, 1), ["main.a", "flat 300B, 75.00% of all", "total 300B, 75.00% of all"]);
    assert.deepEqual(await at(page, 0.76, 1), ["main.b", "flat −100B, −25.00% of all", "total −100B, −25.00% of all"]);
    assert.ok((await colour(page, 0.7, 1))[0] > (await colour(page, 0.9, 1))[0] + 60);
  });
});

test("values keep their upper bytes", async () => {
  await open("values", async (page) => {
    assert.equal((await at(page, 0.5, 1))[1], "flat 4096PB, 100% of all");
    await page.getByLabel("Sample").selectOption("inuse_objects");
    await settle(page);
    assert.equal((await at(page, 0.5, 1))[1], "flat 9,007,199,254,740,992, 100% of all");
  });
});

test("names from a profile are text and nothing else", async () => {
  await open("hostile", async (page) => {
    const title = await page.title();
    assert.ok(title.startsWith("</script><img src=x onerror="), title);
    const tip = await at(page, 0.5, 2);
    assert.ok(tip[0].startsWith("</script><img") && tip[0].endsWith("x"), tip[0]);
    await click(page, 0.5, 2);
    await pivotOn(page, 0.5, 2);
    await page.keyboard.press("Escape");
    await search(page, "</script>");
    await page.locator("#about summary").click();
    await page.waitForSelector("#list tbody tr");
    assert.equal(await page.locator("img, iframe, object, embed, link").count(), 0);
    assert.ok((await page.title()).startsWith("</script>"));
    assert.equal(await page.evaluate(() => document.querySelectorAll("script").length), 1);
  });
});

test("the policy lets nothing in", async () => {
  await open("shop", async (page, noise) => {
    const outcome = await page.evaluate(async () => {
      const outcome = {};
      try {
        document.body.innerHTML = "<p>markup</p>";
        outcome.markup = "set";
      } catch (error) {
        outcome.markup = error.name;
      }
      const script = document.createElement("script");
      try {
        script.text = "window.ran = true";
        document.body.append(script);
      } catch (error) {
        outcome.script = error.name;
      }
      outcome.ran = window.ran ?? false;
      const style = document.createElement("style");
      style.textContent = "body { outline: 7px solid red }";
      document.body.append(style);
      outcome.outline = getComputedStyle(document.body).outlineWidth === "7px";
      outcome.fetched = await fetch("data:text/plain,x").then(() => true, () => false);
      const image = new Image();
      outcome.image = await new Promise((done) => {
        image.onload = () => done(true);
        image.onerror = () => done(false);
        image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==";
      });
      return outcome;
    });
    assert.deepEqual(outcome, {
      markup: "TypeError",
      script: "TypeError",
      ran: false,
      outline: false,
      fetched: false,
      image: false,
    });
    // the browser tells the console about each of them
    noise.length = 0;
  });
});

test("an empty profile says so, and where there is something", async () => {
  await open("empty", async (page) => {
    assert.match(await page.locator("#nothing").innerText(), /Nothing here\s+The profile has no inuse_space\./);
    assert.ok(await page.locator("#list").isHidden());
  });
  await open("half", async (page) => {
    await page.getByRole("button", { name: "Show inuse_objects" }).click();
    await settle(page);
    assert.equal((await at(page, 0.5, 1))[0], "main.a");
    await page.goBack();
    await settle(page);
    assert.ok(await page.locator("#nothing").isVisible());
  });
});

test("the keyboard reaches every frame, and a screen reader hears it", async () => {
  await open("shop", async (page) => {
    await page.locator("#frames").focus();
    const said = async (key) => {
      await page.keyboard.press(key);
      await settle(page);
      return (await page.locator(".spoken").textContent()).split(". ")[0];
    };
    assert.equal(await said("ArrowDown"), "root");
    assert.equal(await said("ArrowDown"), "main.main");
    assert.equal(await said("ArrowRight"), "net/http.(*conn).serve");
    assert.equal(await said("ArrowLeft"), "main.main");
    assert.equal(await said("ArrowDown"), "main.serve");
    assert.equal(await said("ArrowRight"), "main.warm");
    assert.equal(await said("ArrowUp"), "main.main");
    assert.equal(await said("ArrowDown"), "main.serve");
    await page.keyboard.press("Enter");
    await settle(page);
    assert.match(await page.locator("#where").textContent(), /zoomed to main.serve/);
    await page.keyboard.press("p");
    await settle(page);
    assert.match(await page.locator("#where").textContent(), /callers and callees of main.serve/);
    assert.equal(await said("ArrowUp"), "main.serve");
    assert.equal(await said("ArrowUp"), "main.main");
    assert.equal(await said("ArrowDown"), "main.serve");
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.type), "search");
    await page.keyboard.type("pin");
    assert.equal(await page.inputValue("input[type=search]"), "pin");
    await page.keyboard.press("Escape");
    assert.equal(await page.inputValue("input[type=search]"), "");
    await page.keyboard.press("?");
    assert.ok(await page.locator("#help").isVisible());
    await page.keyboard.press("Escape");
    assert.ok(await page.locator("#help").isHidden());
    assert.match(await page.locator("#where").textContent(), /callers and callees of main.serve/);
  });
});

test("the list has flat and cumulative values, sorts, and pivots", async () => {
  await open("shop", async (page) => {
    const rows = async () => {
      await page.waitForTimeout(200); // the list comes after the frames
      await page.waitForSelector("#list tbody tr");
      return page.$$eval("#list tbody tr", (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
    };
    const byFlat = await rows();
    assert.deepEqual(byFlat.slice(0, 4), [
      ["4MB", "50.79%", "6MB", "76.19%", "cart.(*Cart).Add"],
      ["2.25MB", "28.57%", "2.25MB", "28.57%", "bytes.growSlice"],
      ["1.50MB", "19.05%", "1.63MB", "20.63%", "json.Unmarshal"],
      ["128kB", "1.59%", "128kB", "1.59%", "runtime.mallocgc"],
    ]);
    await page.getByRole("button", { name: "cum", exact: true }).click();
    const byCum = await rows();
    assert.deepEqual(byCum.map((row) => row[4]).slice(0, 4), ["main.main", "main.serve", "cart.(*Cart).Add", "bytes.growSlice"]);
    assert.deepEqual(byCum.find((row) => row[4] === "main.walk").slice(0, 4), ["0", "0%", "256kB", "3.17%"]);
    await click(page, 0.5, 2); // zoomed to main.serve
    assert.deepEqual((await rows()).find((row) => row[4] === "json.Unmarshal").slice(0, 3), ["1MB", "12.70%", "1MB"]);
    await page.locator("#list").getByRole("button", { name: "json.Unmarshal" }).click();
    await settle(page);
    await assertPivot(page, (name) => name === "encoding/json.Unmarshal", 0);
  });
});

test("the address keeps what is shown, and may hold anything", async () => {
  let address = "";
  await open("shop", async (page) => {
    await click(page, 0.5, 2);
    await search(page, "main.");
    address = new URL(page.url()).hash;
    await page.reload();
    await settle(page);
    assert.equal((await at(page, 0.999, 3))[0], "encoding/json.Unmarshal");
    assert.equal(await page.inputValue("input[type=search]"), "main.");
  });
  assert.match(address, /zoom=/);
  const odd = "#type=7&zoom=99999999u&pivot=-1&width=%3Cb%3E&flip=2&q=" + encodeURIComponent("/(a+)+$/\u0000<b>");
  await open("shop", async (page) => assert.equal((await at(page, 0.5, 0))[0], "root"), { hash: odd });
  await open("shop", async (page) => assert.ok(await page.locator("#nothing").isVisible()), { hash: "#pivots=zzz" });
});

test("notes and what was left out are told", async () => {
  await open("shop", async (page) => {
    await page.locator("#about summary").click();
    const about = await page.locator("#about").innerText();
    assert.match(about, /one sample for 512kB/);
    assert.match(about, /1,234 frames too small to be shown are left out/);
  });
});

for (const [width, height] of [[360, 740], [2000, 1100]]) {
  test(`${width} pixels are enough for all controls`, async () => {
    for (const name of ["service", "change", "hostile"]) {
      await open(
        name,
        async (page) => {
          await page.waitForSelector("#list tbody tr");
          await pivotOn(page, 0.5, 1);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
          for (const control of await page.locator("header button, header select, header input").all()) {
            const box = await control.boundingBox();
            assert.ok(box.x >= 0 && box.x + box.width <= width && box.width > 20, await control.innerText());
          }
          const graph = await page.locator("#frames").boundingBox();
          assert.ok(graph.width >= Math.min(width, 1000) - 20 && graph.height >= 200);
        },
        { width, height },
      );
    }
  });
}

test("a stack of 20,000 frames scrolls", async () => {
  await open("deep", async (page) => {
    await page.locator("#graph").evaluate((graph) => (graph.scrollTop = graph.scrollHeight));
    await settle(page);
    assert.deepEqual(await at(page, 0.5, -1), ["main.f1", "flat 9B, 100% of all", "total 9B, 100% of all"]);
    await pivotOn(page, 0.5, -1);
    assert.match(await page.locator("#where").textContent(), /callers and callees of main.f1/);
  });
});

test("200,000 nodes: drawn, zoomed, searched, and the list is bounded", async () => {
  await open("large", async (page) => {
    assert.equal((await at(page, 0.5, 0))[0], "root");
    await page.waitForSelector("#list tbody tr");
    assert.equal(await page.locator("#list tbody tr").count(), 100);
    assert.match(await page.locator("#list p").textContent(), /^and [\d,]+ more$/);
    const first = (await at(page, 0.2, 1))[0];
    await click(page, 0.2, 1);
    assert.equal((await at(page, 0.999, 1))[0], first);
    assert.match(await search(page, "json"), /^\d+ functions, .* of all$/);
    await page.keyboard.press("Enter");
    await settle(page);
    assert.match(await page.locator("#where").textContent(), /callers and callees of all that match json/);
  });
});
