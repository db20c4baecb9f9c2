/**
 * Owns the tables of the overview: routes, who talks most, who is slow, why connections ended, what was refused, and
 * the listeners.
 * Must not know: where figures come from.
 */
import { CLOSE_CLASSES, type CloseReasonName } from '../../close-reason.ts'
import type { ConnectionRow } from '../../admin/inspect/rows.ts'
import type { Sample, Status } from '../../admin/status.ts'
import { bytesText, countText, estimateText, spanText } from '../../admin/units.ts'
import type { RouteView, View } from '../../admin/view.ts'
import { find, setText } from '../dom.ts'
import { Table, type TableColumn } from '../table.ts'

const MS_PER_S = 1000
const ROUTES_SHOWN = 50
const CLASS_TONES: Readonly<Record<string, string>> = {
  normal: 'quiet',
  transient: 'quiet',
  protocol: 'warn',
  limit: 'warn',
  system: 'bad',
}

/** How much it is to be seen that a connection ended so. */
export function reasonTone(reason: string): string {
  return CLASS_TONES[CLOSE_CLASSES[reason as CloseReasonName]] ?? 'quiet'
}

export function reasonClass(reason: string): string {
  return CLOSE_CLASSES[reason as CloseReasonName] ?? ''
}

interface Counted {
  readonly name: string
  readonly count: number
  readonly perSecond: number
}

type Talker = Sample['talkers'][number]

const rateText = (value: number): string => (value === 0 ? '–' : `${countText(value)}/s`)

const ROUTES: readonly TableColumn<RouteView>[] = [
  { name: 'route', title: 'Route', text: ({ route }) => route },
  { name: 'rate', title: 'Rate', isNumber: true, text: ({ perSecond }) => rateText(perSecond) },
  {
    name: 'failed',
    title: 'Failed',
    isNumber: true,
    text: ({ failedPerSecond }) => rateText(failedPerSecond),
    tone: ({ failedPerSecond }) => (failedPerSecond > 0 ? 'bad' : ''),
  },
  { name: 'p50', title: 'p50', isNumber: true, text: ({ p50 }) => estimateText(p50, '–') },
  { name: 'p90', title: 'p90', isNumber: true, text: ({ p90 }) => estimateText(p90, '–'), isMinor: true },
  { name: 'p99', title: 'p99', isNumber: true, text: ({ p99 }) => estimateText(p99, '–') },
  { name: 'p999', title: 'p99.9', isNumber: true, text: ({ p999 }) => estimateText(p999, '–'), isMinor: true },
]

const TALKERS: readonly TableColumn<Talker>[] = [
  { name: 'peer', title: 'Client', text: ({ row }) => row.peer ?? row.id },
  { name: 'id', title: 'Connection', text: ({ row }) => row.id, isMinor: true },
  { name: 'rate', title: 'Bytes', isNumber: true, text: ({ bytesPerSecond }) => `${bytesText(bytesPerSecond)}/s` },
  { name: 'age', title: 'Age', isNumber: true, text: ({ row }) => spanText(row.ageMs / MS_PER_S), isMinor: true },
]

const SLOW: readonly TableColumn<ConnectionRow>[] = [
  { name: 'peer', title: 'Client', text: ({ peer, id }) => peer ?? id },
  { name: 'id', title: 'Connection', text: ({ id }) => id, isMinor: true },
  {
    name: 'unsent',
    title: 'Unsent',
    isNumber: true,
    text: ({ unsentBytes }) => bytesText(unsentBytes),
    tone: ({ hold }) => (hold === 'unsent' ? 'warn' : ''),
  },
  { name: 'held', title: 'Held', isNumber: true, text: ({ heldBytes }) => bytesText(heldBytes), isMinor: true },
]

const COUNTS: readonly TableColumn<Counted>[] = [
  { name: 'count', title: 'In all', isNumber: true, text: ({ count }) => count.toLocaleString('en') },
  { name: 'rate', title: 'Now', isNumber: true, text: ({ perSecond }) => rateText(perSecond) },
]

export class Lists {
  readonly #moreRoutes = find('more-routes', HTMLElement)
  readonly #routes: Table<RouteView>
  readonly #talkers: Table<Talker>
  readonly #slow: Table<ConnectionRow>
  readonly #closes: Table<Counted>
  readonly #refusals: Table<Counted>
  readonly #listeners: Table<Status['listeners'][number]>

  /** @param onOpen somebody wants details of a connection, @param onReason those that ended for this reason */
  constructor(onOpen: (id: string) => void, onReason: (reason: string) => void) {
    const keyOf = ({ id }: ConnectionRow): string => id
    this.#routes = placed('routes', {
      ...{ label: 'Routes', columns: ROUTES, empty: 'No route was called yet.' },
      keyOf: ({ route }) => route,
    })
    this.#talkers = placed('talkers', {
      ...{ label: 'Top talkers', columns: TALKERS, empty: 'Nobody says anything.' },
      keyOf: ({ row }) => row.id,
      onOpen: ({ row }) => onOpen(row.id),
    })
    this.#slow = placed('slow', {
      ...{ label: 'Slow consumers', columns: SLOW, empty: 'Everybody takes what they are sent.', keyOf },
      onOpen: ({ id }) => onOpen(id),
    })
    const reason: TableColumn<Counted> = {
      name: 'reason',
      title: 'Reason',
      text: ({ name }) => name,
      tone: ({ name }) => reasonTone(name),
    }
    const kind: TableColumn<Counted> = {
      ...{ name: 'class', title: 'Class', isMinor: true },
      text: ({ name }) => reasonClass(name),
    }
    this.#closes = placed('closes', {
      ...{ label: 'Why connections ended', columns: [reason, kind, ...COUNTS], empty: 'None has ended.' },
      keyOf: ({ name }) => name,
      onOpen: ({ name }) => onReason(name),
    })
    const refused: TableColumn<Counted> = { name: 'reason', title: 'Reason', text: ({ name }) => name }
    this.#refusals = placed('refusals', {
      ...{ label: 'Refused', columns: [refused, ...COUNTS], empty: 'None was refused.' },
      keyOf: ({ name }) => name,
    })
    const address = ({ address: text }: Status['listeners'][number]): string => text
    this.#listeners = placed('listeners', {
      label: 'Listeners',
      columns: [
        { name: 'address', title: 'Address', text: address },
        {
          ...{ name: 'connections', title: 'Connections', isNumber: true },
          text: ({ connections }) => connections.toLocaleString('en'),
        },
      ],
      keyOf: address,
      empty: 'None.',
    })
  }

  draw({ status, talkers, slow }: Sample, view: View): void {
    this.#routes.update(view.routes.slice(0, ROUTES_SHOWN))
    const more = view.routes.length - ROUTES_SHOWN
    setText(this.#moreRoutes, more > 0 ? `The busiest; ${more} more are in /metrics.` : '')
    this.#talkers.update(talkers)
    this.#slow.update(slow)
    this.#closes.update(countsOf(status.closes, view.closes))
    this.#refusals.update(countsOf(status.refusals, view.refusals))
    this.#listeners.update(status.listeners)
  }
}

function placed<Row>(id: string, spec: ConstructorParameters<typeof Table<Row>>[0]): Table<Row> {
  const table = new Table<Row>(spec)
  find(id, HTMLElement).append(table.root)
  return table
}

function countsOf(totals: Readonly<Record<string, number>>, rates: Readonly<Record<string, number>>): Counted[] {
  return Object.entries(totals)
    .map(([name, count]) => ({ name, count, perSecond: rates[name] ?? 0 }))
    .toSorted((a, b) => b.count - a.count)
}
