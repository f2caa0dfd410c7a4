// Chromium for the tests and the bench: Debian's, or the one that GOSNAP_CHROMIUM names.
import { accessSync, constants } from "node:fs";
import { chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/opt/google/chrome/chrome"];

export function findChromium() {
  const asked = process.env.GOSNAP_CHROMIUM;
  return (asked ? [asked] : PLACES).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

export async function launch() {
  // root has no sandbox of its own in a container; the pages come from these tests
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: findChromium(), args });
}
