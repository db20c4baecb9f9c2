/**
 * Owns the view of the connections that are open: filter, order, pages.
 * Must not know: how they are found; no more than a page is ever here.
 */
import type { ConnectionRow } from '../../admin/inspect/rows.ts'
import type { Status } from '../../admin/status.ts'
import { bytesText, countText, secondsText, spanText } from '../../admin/units.ts'
import type { Api } from '../api.ts'
import { find, setText } from '../dom.ts'
import { type Field, Filters } from '../filters.ts'
import type { Place } from '../place.ts'
import { Table, type TableColumn } from '../table.ts'
import {
  connectionParameters,
  isAscending,
  pagesOf,
  type Settings,
  SORTS,
  sortOf,
  toNext,
  toPrevious,
  toSort,
} from './connection-query.ts'
import { Asking, type AskingView, choicesOf, isLive, missingText, Told } from './view.ts'

interface Page {
  readonly connections: readonly ConnectionRow[]
  readonly matched: number
  readonly total: number
  readonly next: string | null
  readonly missing: readonly number[]
}

const MS_PER_S = 1000
const PAGE_ROWS = 50
const STATES = ['handshake', 'open', 'draining', 'ending', 'finished']

const FIELDS: readonly Field[] = [
  { name: 'address', label: 'Client address', kind: 'text', placeholder: '10.0.0.0/8', isWide: true },
  { name: 'identity', label: 'Identity', kind: 'text', placeholder: 'part of it' },
  { name: 'state', label: 'State', kind: 'select', choices: choicesOf('any', STATES) },
  { name: 'worker', label: 'Worker', kind: 'select', choices: choicesOf('any', []) },
  { name: 'listener', label: 'Listener', kind: 'select', choices: choicesOf('any', []) },
  { name: 'idle', label: 'Idle at least, s', kind: 'number', placeholder: '0' },
  { name: 'unsent', label: 'Unsent at least, KiB', kind: 'number', placeholder: '0' },
  {
    name: 'sort',
    label: 'Sorted by',
    kind: 'select',
    choices: SORTS.map(([by, text]) => [by === 'age' ? '' : by, text]),
  },
  {
    name: 'order',
    label: 'Order',
    kind: 'select',
    choices: [
      ['', 'most first'],
      ['asc', 'least first'],
    ],
  },
  {
    name: 'limit',
    label: 'Rows',
    kind: 'select',
    choices: [
      ['', '50'],
      ['100', '100'],
      ['200', '200'],
    ],
  },
]

const number = { isNumber: true } as const
const minor = { isNumber: true, isMinor: true } as const

const COLUMNS: readonly TableColumn<ConnectionRow>[] = [
  { name: 'id', title: 'Connection', text: ({ id }) => id },
  { name: 'peer', title: 'Client', text: ({ peer, identity }) => identity ?? peer ?? '–' },
  { name: 'state', title: 'State', text: stateText, tone: stateTone },
  { name: 'worker', title: 'Worker', ...minor, text: ({ worker }) => String(worker) },
  { name: 'age', title: 'Age', sort: 'age', ...number, text: ({ ageMs }) => spanText(ageMs / MS_PER_S) },
  { name: 'idle', title: 'Idle', sort: 'idle', ...number, text: ({ idleMs }) => spanText(idleMs / MS_PER_S) },
  { name: 'in', title: 'In', sort: 'bytes-in', ...number, text: ({ bytesIn }) => bytesText(bytesIn) },
  { name: 'out', title: 'Out', sort: 'bytes-out', ...number, text: ({ bytesOut }) => bytesText(bytesOut) },
  { name: 'frames', title: 'Frames in', sort: 'frames-in', ...number, text: ({ framesIn }) => countText(framesIn) },
  {
    ...{ name: 'unsent', title: 'Unsent', sort: 'unsent', ...number },
    text: ({ unsentBytes }) => bytesText(unsentBytes),
    tone: ({ hold }) => (hold === 'unsent' ? 'warn' : ''),
  },
  { name: 'held', title: 'Held', sort: 'held', ...minor, text: ({ heldBytes }) => bytesText(heldBytes) },
  {
    name: 'flight',
    title: 'In flight',
    sort: 'in-flight',
    ...number,
    text: ({ callsInFlight }) => String(callsInFlight),
  },
  {
    ...{ name: 'trip', title: 'Round trip', sort: 'round-trip', ...minor },
    text: ({ roundTripMs }) => (roundTripMs === null ? '–' : secondsText(roundTripMs / MS_PER_S)),
  },
]

export interface ConnectionsParts {
  readonly api: Api
  /** Sets the view otherwise: an empty value takes a setting away. */
  readonly change: (changes: Settings) => void
  readonly onOpen: (id: string) => void
}

export class Connections implements AskingView {
  readonly #parts: ConnectionsParts
  readonly #filters: Filters
  readonly #table: Table<ConnectionRow>
  readonly #told = new Told('told-connections')
  readonly #previous = find('previous', HTMLButtonElement)
  readonly #next = find('next', HTMLButtonElement)
  readonly #asking = new Asking(() => this.#ask())
  #settings: Settings = {}
  #nextPage: string | null = null

  constructor(parts: ConnectionsParts) {
    this.#parts = parts
    const { change } = parts
    this.#filters = new Filters(find('filters-connections', HTMLFormElement), FIELDS, (changes) => {
      change({ ...changes, after: '' })
    })
    this.#table = new Table({
      label: 'Connections',
      columns: COLUMNS,
      keyOf: ({ id }) => id,
      empty: 'No connection is like that.',
      onOpen: ({ id }) => parts.onOpen(id),
      onSort: (by) => change(toSort(this.#settings, by)),
    })
    find('table-connections', HTMLElement).append(this.#table.root)
    this.#previous.addEventListener('click', () => this.turn(false))
    this.#next.addEventListener('click', () => this.turn(true))
  }

  show({ settings }: Place): void {
    const isOther = connectionParameters(settings) !== connectionParameters(this.#settings)
    this.#settings = settings
    this.#filters.show(settings)
    this.#table.sorted(sortOf(settings), isAscending(settings))
    if (isOther || this.#nextPage === null) this.refresh()
  }

  tick(status: Status): void {
    this.#filters.offer(
      'worker',
      choicesOf(
        'any',
        status.workers.map(({ worker }) => String(worker)),
      ),
    )
    const listeners = status.listeners.map(({ address }, index) => [String(index), address] as const)
    this.#filters.offer('listener', [['', 'any'], ...listeners])
    this.#filters.show(this.#settings)
    if (isLive('live-connections')) this.#asking.tick()
  }

  refresh(): void {
    this.#asking.now()
  }

  focusFilter(): void {
    this.#filters.focus()
  }

  turn(forward: boolean): void {
    const { change } = this.#parts
    if (!forward && pagesOf(this.#settings).length > 0) change(toPrevious(this.#settings))
    if (forward && this.#nextPage !== null) change(toNext(this.#settings, this.#nextPage))
  }

  async #ask(): Promise<void> {
    const settings = this.#settings
    const parameters = connectionParameters(settings)
    try {
      const page = await this.#parts.api.get<Page>(`api/connections?${parameters}`)
      // Somebody set it otherwise meanwhile: that is asked next.
      if (parameters === connectionParameters(this.#settings)) this.#draw(page, settings)
    } catch (error) {
      this.#told.fail(error)
      this.#filters.blame(FIELDS.find(({ name }) => String(error).includes(`${name} is`))?.name)
    }
  }

  #draw(page: Page, settings: Settings): void {
    const before = pagesOf(settings).length
    // Its rows have gone since, all of them: the first page has what there is.
    if (before > 0 && page.connections.length === 0 && page.matched > 0) {
      this.#parts.change({ after: '' })
      return
    }
    this.#nextPage = page.next
    this.#filters.blame(undefined)
    this.#table.update(page.connections)
    const first = before * Number(settings['limit'] ?? PAGE_ROWS)
    const count = (value: number): string => value.toLocaleString('en')
    const shown =
      page.connections.length === 0 ? 'None' : `${count(first + 1)} to ${count(first + page.connections.length)}`
    const matched = page.matched === page.total ? `${count(page.total)}` : `${count(page.matched)} that match`
    const all = page.matched === page.total ? '' : `, ${count(page.total)} in all`
    this.#told.say(`${shown} of ${matched}${all}${missingText(page.missing)}`, page.missing.length > 0 ? 'warn' : '')
    this.#previous.disabled = before === 0
    this.#next.disabled = page.next === null
    setText(find('page-number', HTMLElement), `Page ${before + 1}`)
  }
}

function stateText({ state, hold }: ConnectionRow): string {
  return hold === 'unsent' ? `${state}, slow` : state
}

function stateTone({ state, hold }: ConnectionRow): string {
  if (hold === 'unsent') return 'warn'
  return state === 'open' ? 'good' : 'quiet'
}
