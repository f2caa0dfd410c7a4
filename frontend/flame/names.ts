// Names of functions: their packages, and shorter forms of them.

const FILE = /^\/|\.(?:go|s|c|h|cc|cpp)(?::\d+)*$/;
const DIRECTORIES = /(?:[\w.~%-]+\/)+(?=[\w%-]+\.)/g;

/** The import path of a Go function's package, the namespace of a C++ one, the directory of a file. */
export function packageOf(name: string): string {
  if (FILE.test(name)) return name.slice(0, name.lastIndexOf("/") + 1);
  // receivers and type arguments have slashes and dots of their own
  const bracket = name.search(/[[(<]/);
  const head = bracket < 0 ? name : name.slice(0, bracket);
  const dot = head.indexOf(".", head.lastIndexOf("/") + 1);
  if (dot >= 0) return head.slice(0, dot);
  const colons = head.indexOf("::");
  return colons >= 0 ? head.slice(0, colons) : head;
}

/** A name and shorter forms of it, the longest first: without directories, without the package. */
export function forms(name: string): string[] {
  const all = [name];
  if (FILE.test(name)) {
    all.push(name.slice(name.lastIndexOf("/") + 1));
  } else {
    const short = name.replace(DIRECTORIES, "");
    const own = packageOf(short);
    all.push(short);
    if (own && short.length > own.length + 1) all.push(short.slice(own.length).replace(/^(?:\.|::)/, ""));
  }
  return all.filter((form, i) => form !== "" && (i === 0 || form.length < all[i - 1].length));
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** What a search box asks for: /a regular expression/, or plain text, in which case is ignored. */
export function matcher(query: string): { test: (name: string) => boolean } | { error: string } | null {
  if (query === "") return null;
  if (query.length > 1 && query.startsWith("/")) {
    const end = query.lastIndexOf("/");
    const source = end > 0 ? query.slice(1, end) : query.slice(1);
    const flags = end > 0 ? query.slice(end + 1) : "";
    // what is still being typed, and what looks for a path, is text
    if (end > 0 && /^[imsu]*$/.test(flags)) {
      try {
        const regex = new RegExp(source, flags);
        return { test: (name) => regex.test(name) };
      } catch (error) {
        return { error: error instanceof Error ? error.message : "not a regular expression" };
      }
    }
  }
  const text = query.toLowerCase();
  return { test: (name) => name.toLowerCase().includes(text) };
}
