/**
 * Owns what is said to whoever looks: what became of an act, and what is wrong for as long as it is.
 * Must not know: who says it.
 */
import { after } from './clock.ts'
import { button, element, find, setClass, setText } from './dom.ts'

export type Tone = 'good' | 'warn' | 'bad' | 'info'

const SHOWN_MS = 8000

export class Notices {
  readonly #root = find('notices', HTMLElement)
  readonly #lasting = new Map<string, HTMLElement>()

  /** For some seconds; what is bad, until it is dismissed. */
  say(tone: Tone, text: string): void {
    const notice = create(tone, text)
    const remove = (): void => notice.remove()
    notice.append(button({ class: 'dismiss', 'aria-label': 'Dismiss' }, '✕', remove))
    this.#root.append(notice)
    if (tone !== 'bad') after(SHOWN_MS, remove)
  }

  /** As long as it is so. @param text undefined when it is no more */
  keep(key: string, tone: Tone, text: string | undefined): void {
    const known = this.#lasting.get(key)
    if (text === undefined) {
      known?.remove()
      this.#lasting.delete(key)
      return
    }
    if (known === undefined) {
      const made = create(tone, text)
      this.#lasting.set(key, made)
      this.#root.prepend(made)
      return
    }
    for (const one of ['good', 'warn', 'bad', 'info']) setClass(known, one, one === tone)
    if (known.firstChild !== null) setText(known.firstChild, text)
  }
}

function create(tone: Tone, text: string): HTMLElement {
  return element(
    'div',
    { class: `notice ${tone}`, role: tone === 'bad' ? 'alert' : 'status' },
    element('span', {}, text),
  )
}
