/**
 * Owns the view of the configuration in effect.
 * Must not know: what an option means.
 */
import type { EffectiveOption } from '../../config/format.ts'
import type { Api } from '../api.ts'
import { find } from '../dom.ts'
import { type Field, Filters } from '../filters.ts'
import type { Place } from '../place.ts'
import { Table } from '../table.ts'
import type { Settings } from './connection-query.ts'
import { Asking, type AskingView, choicesOf, Told } from './view.ts'

const FIELDS: readonly Field[] = [
  { name: 'name', label: 'Name or value', kind: 'text', placeholder: 'TIMEOUT', isWide: true },
  { name: 'from', label: 'From', kind: 'select', choices: choicesOf('anywhere', []) },
]

export interface ConfigurationParts {
  readonly api: Api
  readonly change: (changes: Settings) => void
}

export class Configuration implements AskingView {
  readonly #parts: ConfigurationParts
  readonly #filters: Filters
  readonly #table: Table<EffectiveOption>
  readonly #told = new Told('told-config')
  readonly #asking = new Asking(() => this.#ask())
  #settings: Settings = {}
  #options: readonly EffectiveOption[] = []

  constructor(parts: ConfigurationParts) {
    this.#parts = parts
    this.#filters = new Filters(find('filters-config', HTMLFormElement), FIELDS, parts.change)
    this.#table = new Table({
      label: 'Configuration in effect',
      columns: [
        { name: 'option', title: 'Option', text: ({ name }) => name },
        { name: 'value', title: 'Value', text: ({ value }) => value },
        {
          ...{ name: 'from', title: 'From', text: ({ source }: EffectiveOption) => source },
          tone: ({ source }) => (source === 'default' ? 'quiet' : 'info'),
        },
      ],
      keyOf: ({ name }) => name,
      empty: 'No option is like that.',
    })
    find('table-config', HTMLElement).append(this.#table.root)
  }

  show({ settings }: Place): void {
    this.#settings = settings
    this.#filters.show(settings)
    this.#draw()
    this.refresh()
  }

  /** It changes with a reload only, and then whoever looks asks again. */
  tick(): void {}

  refresh(): void {
    this.#asking.now()
  }

  focusFilter(): void {
    this.#filters.focus()
  }

  async #ask(): Promise<void> {
    try {
      this.#options = await this.#parts.api.get<readonly EffectiveOption[]>('api/config')
      const sources = [...new Set(this.#options.map(({ source }) => source))].toSorted()
      this.#filters.offer('from', choicesOf('anywhere', sources))
      this.#filters.show(this.#settings)
      this.#draw()
    } catch (error) {
      this.#told.fail(error)
    }
  }

  #draw(): void {
    const wanted = this.#settings['name']?.toLowerCase() ?? ''
    const from = this.#settings['from']
    const shown = this.#options.filter(({ name, value, source }) => {
      return (from === undefined || source === from) && `${name} ${value}`.toLowerCase().includes(wanted)
    })
    this.#table.update(shown)
    this.#told.say(`${shown.length} of ${this.#options.length} options; secrets are not shown`)
  }
}
