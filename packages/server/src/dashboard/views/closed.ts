/**
 * Owns the view of the connections that ended last: why, and what came last.
 * Must not know: how they ended.
 */
import type { ClosedRow } from '../../admin/inspect/rows.ts'
import { bytesText, countText, spanText } from '../../admin/units.ts'
import { CLOSE_REASONS } from '../../close-reason.ts'
import type { Api } from '../api.ts'
import { nowMs } from '../clock.ts'
import { find } from '../dom.ts'
import { type Field, Filters } from '../filters.ts'
import { kindText, routeText } from '../frames.ts'
import { reasonClass, reasonTone } from '../overview/lists.ts'
import type { Place } from '../place.ts'
import { Table, type TableColumn } from '../table.ts'
import type { Settings } from './connection-query.ts'
import { Asking, type AskingView, choicesOf, isLive, missingText, Told } from './view.ts'

const MS_PER_S = 1000
const ROWS_MAX = 200
const CLASSES = ['normal', 'transient', 'protocol', 'limit', 'system']

const FIELDS: readonly Field[] = [
  { name: 'address', label: 'Client address', kind: 'text', placeholder: '10.0.0.0/8', isWide: true },
  { name: 'reason', label: 'Reason', kind: 'select', choices: choicesOf('any', CLOSE_REASONS.slice(1).toSorted()) },
  { name: 'class', label: 'Class', kind: 'select', choices: choicesOf('any', CLASSES) },
]

const TIME = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
const timeText = new Intl.DateTimeFormat(undefined, TIME)
const dayText = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' })

/** The day is told of another day alone. */
export function closedTimeText(atMs: number): string {
  const day = dayText.format(atMs)
  return day === dayText.format(nowMs()) ? timeText.format(atMs) : `${day}, ${timeText.format(atMs)}`
}

export interface ClosedParts {
  readonly api: Api
  readonly change: (changes: Settings) => void
  readonly onOpen: (row: ClosedRow) => void
  /** Names of routes by number. */
  readonly routes: () => ReadonlyMap<number, string>
}

export class Closed implements AskingView {
  readonly #parts: ClosedParts
  readonly #filters: Filters
  readonly #table: Table<ClosedRow>
  readonly #told = new Told('told-closed')
  readonly #asking = new Asking(() => this.#ask())
  #settings: Settings = {}

  constructor(parts: ClosedParts) {
    this.#parts = parts
    this.#filters = new Filters(find('filters-closed', HTMLFormElement), FIELDS, parts.change)
    this.#table = new Table({
      label: 'Closed connections',
      columns: columnsWith(parts.routes),
      keyOf: ({ id }) => id,
      empty: 'None has ended like that.',
      onOpen: parts.onOpen,
    })
    find('table-closed', HTMLElement).append(this.#table.root)
  }

  show({ settings }: Place): void {
    this.#settings = settings
    this.#filters.show(settings)
    this.refresh()
  }

  tick(): void {
    if (isLive('live-closed')) this.#asking.tick()
  }

  refresh(): void {
    this.#asking.now()
  }

  focusFilter(): void {
    this.#filters.focus()
  }

  async #ask(): Promise<void> {
    const query = new URLSearchParams({ limit: String(ROWS_MAX) })
    for (const { name } of FIELDS) {
      const value = this.#settings[name]
      if (value !== undefined) query.set(name, value)
    }
    try {
      const { closed, missing } = await this.#parts.api.get<{
        readonly closed: readonly ClosedRow[]
        readonly missing: readonly number[]
      }>(`api/closed?${query.toString()}`)
      this.#filters.blame(undefined)
      this.#table.update(closed)
      const most = closed.length === ROWS_MAX ? `The last ${ROWS_MAX}; filter to see others` : `${closed.length} in all`
      this.#told.say(`${most}${missingText(missing)}`, missing.length > 0 ? 'warn' : '')
    } catch (error) {
      this.#told.fail(error)
      this.#filters.blame(FIELDS.find(({ name }) => String(error).includes(`${name} is`))?.name)
    }
  }
}

function columnsWith(routes: () => ReadonlyMap<number, string>): readonly TableColumn<ClosedRow>[] {
  const lastFrame = ({ lastFrames }: ClosedRow): string => {
    const last = lastFrames.at(-1)
    return last === undefined ? '–' : `${kindText(last)} ${routeText(last, routes())}`.trim()
  }
  return [
    { name: 'id', title: 'Connection', text: ({ id }) => id },
    { name: 'at', title: 'Closed', text: ({ closedAt }) => closedTimeText(closedAt) },
    { name: 'reason', title: 'Reason', text: ({ reason }) => reason, tone: ({ reason }) => reasonTone(reason) },
    { name: 'class', title: 'Class', isMinor: true, text: ({ reason }) => reasonClass(reason) },
    { name: 'peer', title: 'Client', text: ({ peer }) => peer ?? '–' },
    { name: 'lived', title: 'Lived', isNumber: true, text: ({ livedMs }) => spanText(livedMs / MS_PER_S) },
    { name: 'in', title: 'In', isNumber: true, isMinor: true, text: ({ bytesIn }) => bytesText(bytesIn) },
    { name: 'out', title: 'Out', isNumber: true, isMinor: true, text: ({ bytesOut }) => bytesText(bytesOut) },
    { name: 'frames', title: 'Frames in', isNumber: true, text: ({ framesIn }) => countText(framesIn) },
    { name: 'last', title: 'Last frame', text: lastFrame },
    { name: 'detail', title: 'Told', isMinor: true, text: ({ detail }) => detail ?? '' },
  ]
}
