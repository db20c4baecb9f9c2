/**
 * Owns the keys: which does what, and the page that says so.
 * Must not know: what is done.
 * Invariant: none does anything while somebody types, or together with Control, Alt or Meta, which are the browser's.
 */
import { create, show } from './dialogs.ts'
import { button, element } from './dom.ts'

export interface KeyBinding {
  /** As KeyboardEvent has it. */
  readonly key: string
  readonly does: string
  readonly run: () => void
}

export function followKeys(bindings: readonly KeyBinding[]): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return
    if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return
    const binding = bindings.find(({ key }) => key === event.key)
    if (binding === undefined) return
    event.preventDefault()
    binding.run()
  })
}

export function showHelp(bindings: readonly KeyBinding[]): void {
  const dialog = create('Keys')
  const more: readonly (readonly [string, string])[] = [
    ['↑ ↓ Home End', 'in a table: another row'],
    ['Enter', 'in a table: details'],
    ['Esc', 'close what is open'],
  ]
  const rows = [...bindings.map(({ key, does }) => [key, does] as const), ...more]
  const list = rows.map(([key, does]) =>
    element('div', {}, element('dt', {}, element('kbd', {}, key)), element('dd', {}, does)),
  )
  dialog.append(
    element('dl', { class: 'keys' }, ...list),
    element(
      'div',
      { class: 'choices' },
      button({ class: 'primary' }, 'Close', () => dialog.close()),
    ),
  )
  show(dialog, () => undefined)
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && target.type !== 'checkbox'
    ? true
    : target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement
}
