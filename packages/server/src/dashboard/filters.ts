/**
 * Owns the form above a table: its fields, and that what is typed there is heard a moment later.
 * Must not know: what is filtered.
 */
import { after } from './clock.ts'
import { element, setAttribute } from './dom.ts'

export interface Field {
  /** Of the setting. */
  readonly name: string
  readonly label: string
  readonly kind: 'text' | 'number' | 'select'
  readonly placeholder?: string
  /** Of a select: value and text; the first one is the value that says nothing. */
  readonly choices?: readonly (readonly [string, string])[]
  readonly isWide?: true
}

/** Between the last key and the question. */
const TYPING_MS = 250

export class Filters {
  readonly #inputs = new Map<string, HTMLInputElement | HTMLSelectElement>()
  readonly #onChange: (changes: Readonly<Record<string, string>>) => void
  #cancel: (() => void) | undefined

  constructor(
    form: HTMLFormElement,
    fields: readonly Field[],
    onChange: (changes: Readonly<Record<string, string>>) => void,
  ) {
    this.#onChange = onChange
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#tell()
    })
    for (const field of fields) {
      const input = inputOf(field)
      this.#inputs.set(field.name, input)
      form.append(element('label', { class: field.isWide === true ? 'field wide' : 'field' }, field.label, input))
      input.addEventListener('change', () => this.#tell())
      input.addEventListener('input', () => {
        this.#cancel?.()
        this.#cancel = after(TYPING_MS, () => this.#tell())
      })
    }
  }

  /** What is set, but where somebody is typing. */
  show(settings: Readonly<Record<string, string>>): void {
    for (const [name, input] of this.#inputs) {
      const value = settings[name] ?? ''
      if (input !== document.activeElement && input.value !== value) input.value = value
    }
  }

  /** Other choices of a select. */
  offer(name: string, choices: readonly (readonly [string, string])[]): void {
    const select = this.#inputs.get(name)
    if (!(select instanceof HTMLSelectElement)) return
    const told = JSON.stringify(choices)
    if (select.dataset['choices'] === told) return
    const { value } = select
    select.dataset['choices'] = told
    select.replaceChildren(...choices.map(optionOf))
    select.value = value
  }

  /** The field that is wrong, if it is known. */
  blame(name: string | undefined): void {
    for (const [known, input] of this.#inputs) {
      setAttribute(input, 'aria-invalid', known === name ? 'true' : undefined)
    }
  }

  focus(): void {
    this.#inputs.values().next().value?.focus()
  }

  #tell(): void {
    this.#cancel?.()
    this.#onChange(Object.fromEntries([...this.#inputs].map(([name, { value }]) => [name, value.trim()])))
  }
}

function inputOf({ kind, placeholder, choices = [] }: Field): HTMLInputElement | HTMLSelectElement {
  if (kind === 'select') return element('select', {}, ...choices.map(optionOf))
  return element('input', {
    ...(kind === 'number' ? { type: 'number', min: '0', step: 'any', inputmode: 'decimal' } : { type: 'search' }),
    ...(placeholder !== undefined && { placeholder }),
    spellcheck: 'false',
    autocapitalize: 'off',
  })
}

function optionOf([value, text]: readonly [string, string]): HTMLOptionElement {
  return element('option', { value }, text)
}
