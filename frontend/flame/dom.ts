// Elements without markup: text from a profile is never anything but text.

type Child = Node | string | null;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

export function button(text: string, title: string, run: () => void): HTMLButtonElement {
  const made = el("button", { type: "button", title }, text);
  made.addEventListener("click", run);
  return made;
}

export function select(label: string, options: string[], chosen: number, run: (index: number) => void): HTMLElement {
  const box = el("select");
  options.forEach((option) => box.append(el("option", {}, option)));
  box.selectedIndex = chosen;
  box.addEventListener("change", () => run(box.selectedIndex));
  return el("label", {}, el("span", { class: "caption" }, label), box);
}
