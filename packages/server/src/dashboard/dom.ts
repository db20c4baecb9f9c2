/**
 * Owns making and changing elements.
 * Must not know: what is shown.
 * Invariant: text from outside only ever becomes text, never markup; what is already so is not touched, so that a
 * selection, a focus and the work of the browser's layout survive the next second.
 */

export type Content = Node | string
type Attributes = Readonly<Record<string, string>>

/** A new element. `class`, `aria-label` and the like are attributes; contents are appended in order. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...contents: readonly Content[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...contents)
  return made
}

const SVG = 'http://www.w3.org/2000/svg'

export function svg(tag: string, attributes: Attributes, ...contents: readonly Node[]): SVGElement {
  const made = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
  made.append(...contents)
  return made
}

export function button(attributes: Attributes, text: string, onClick: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', ...attributes }, text)
  made.addEventListener('click', onClick)
  return made
}

/** An element of the page. @throws RangeError where index.html has none such */
export function find<Kind extends HTMLElement>(id: string, kind: abstract new () => Kind): Kind {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new RangeError(`the page has no ${kind.name} called ${id}`)
  return found
}

export function setText(target: Node, text: string): void {
  if (target.textContent !== text) target.textContent = text
}

export function setAttribute(target: Element, name: string, value: string | undefined): void {
  if (value === undefined) target.removeAttribute(name)
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value)
}

export function setClass(target: Element, name: string, isOn: boolean): void {
  target.classList.toggle(name, isOn)
}

/** Brings the children into this order, and moves none that stands right. */
export function setChildren(parent: Element, children: readonly Node[]): void {
  for (const [index, child] of children.entries()) {
    const there = parent.childNodes[index]
    if (there !== child) parent.insertBefore(child, there ?? null)
  }
  while (parent.childNodes.length > children.length) parent.lastChild?.remove()
}
