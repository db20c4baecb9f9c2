/**
 * Owns the details of one connection, open or closed, beside the view that somebody came from.
 * Must not know: views.
 * Invariant: while it is open it follows the connection; when that has ended it says so, with what is known of the end.
 */
import type { ClosedRow, ConnectionDetails } from '../admin/inspect/rows.ts'
import type { FrameHeader } from '../admin/inspect/frame-trail.ts'
import { bytesText, secondsText, spanText } from '../admin/units.ts'
import { type Api, ApiError } from './api.ts'
import { create, show } from './dialogs.ts'
import { button, element, setAttribute, setText } from './dom.ts'
import { kindText, routeText } from './frames.ts'
import { reasonClass, reasonTone } from './overview/lists.ts'
import { factsOf } from './overview/worker-cards.ts'
import { Table } from './table.ts'
import { closedTimeText } from './views/closed.ts'

export interface DetailsParts {
  readonly api: Api
  readonly close: (id: string) => Promise<void>
  readonly routes: () => ReadonlyMap<number, string>
  /** Addresses by number. */
  readonly listeners: () => readonly string[]
  /** Somebody opened details, or closed them. */
  readonly onChange: (id: string | undefined) => void
}

type NumberedFrame = FrameHeader & { readonly place: number }

const MS_PER_S = 1000
const OPEN_FACTS = [
  ...['Client', 'Identity', 'Listener', 'Worker', 'Age', 'Idle', 'Bytes in', 'Bytes out', 'Frames in', 'In flight'],
  ...['Unsent', 'Buffers held', 'Of a cut frame', 'Round trip', 'PINGs unanswered', 'TLS', 'Not read because'],
]
const CLOSED_FACTS = [
  ...['Closed', 'Reason', 'Class', 'Told', 'Client', 'Listener', 'Worker', 'Lived', 'Bytes in', 'Bytes out'],
  'Frames in',
]
/** Looks for an end before a connection is given up: in between a worker that leaves hands over what it knows. */
const LOOKS_BACK_MAX = 3
const HOLDS = { unsent: 'it has too much unsent', turn: 'it had its share of this turn', other: 'it has to wait' }

export class Details {
  readonly #parts: DetailsParts
  #shown: Shown | undefined
  #isAsking = false

  constructor(parts: DetailsParts) {
    this.#parts = parts
  }

  get id(): string | undefined {
    return this.#shown?.id
  }

  /** Of a connection that is open, or was. @param ended what is known of its end, if that is known */
  open(id: string, ended?: ClosedRow): void {
    if (this.#shown?.id === id) return
    this.#shown?.dialog.close()
    const shown = new Shown(id, this.#parts)
    this.#shown = shown
    show(shown.dialog, () => {
      if (this.#shown !== shown) return
      this.#shown = undefined
      this.#parts.onChange(undefined)
    })
    this.#parts.onChange(id)
    if (ended === undefined) void this.#ask(shown)
    else shown.drawClosed(ended)
  }

  close(): void {
    this.#shown?.dialog.close()
  }

  tick(): void {
    const shown = this.#shown
    if (shown === undefined) return
    // Names may have come since.
    if (shown.closed !== undefined) shown.drawClosed(shown.closed)
    else if (shown.looksBack < LOOKS_BACK_MAX) void this.#ask(shown)
  }

  async #ask(shown: Shown): Promise<void> {
    if (this.#isAsking || shown.closed !== undefined) return
    this.#isAsking = true
    const { api } = this.#parts
    try {
      const details = await api.get<ConnectionDetails>(`api/connections/${encodeURIComponent(shown.id)}`)
      if (shown.closed === undefined) shown.drawOpen(details)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (error.status === 404) await this.#lookBack(shown)
      else shown.say(error.message, 'bad')
    } finally {
      this.#isAsking = false
    }
  }

  async #lookBack(shown: Shown): Promise<void> {
    try {
      const { closed } = await this.#parts.api.get<{ readonly closed: readonly ClosedRow[] }>('api/closed?limit=200')
      const row = closed.find(({ id }) => id === shown.id)
      if (row === undefined) shown.drawLost()
      else shown.drawClosed(row)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      shown.say(error.message, 'bad')
    }
  }
}

class Shown {
  readonly id: string
  readonly dialog: HTMLDialogElement
  /** What is known of its end, when it has ended. */
  closed: ClosedRow | undefined
  /** How often it was neither among those that are open nor among those that ended last. */
  looksBack = 0
  readonly #parts: DetailsParts
  readonly #state = element('p', { class: 'badge', role: 'status' }, 'asking')
  readonly #place = element('div', {})
  readonly #frames: Table<NumberedFrame>
  readonly #end: HTMLButtonElement
  readonly #trail: HTMLElement
  #facts: { readonly names: readonly string[]; readonly draw: (values: readonly string[]) => void } | undefined

  constructor(id: string, parts: DetailsParts) {
    this.id = id
    this.#parts = parts
    this.dialog = create(id, 'sheet')
    this.#frames = framesTable(parts.routes)
    this.#end = button({ class: 'danger' }, 'Close this connection…', () => void parts.close(id))
    const leave = button({ class: 'dismiss', 'aria-label': 'Close details' }, '✕', () => this.dialog.close())
    this.#trail = element(
      'section',
      {},
      element('h3', {}, 'Last frames, oldest first'),
      this.#frames.root,
      element('p', { class: 'note' }, 'Headers alone: of a body nothing is kept. Of an id its low 20 bits are.'),
    )
    // Until it is known what there is.
    this.#trail.hidden = true
    this.#end.hidden = true
    this.dialog.append(leave, this.#state, this.#place, this.#trail, element('div', { class: 'choices' }, this.#end))
  }

  say(text: string, tone: string): void {
    setText(this.#state, text)
    setAttribute(this.#state, 'data-tone', tone)
  }

  /** Nothing is known of its end: it was another daemon's, or too many have ended since. What was seen of it stays. */
  drawLost(): void {
    this.looksBack++
    this.#end.hidden = true
    this.say('It has ended, and is not among the last that did.', 'warn')
  }

  drawOpen(details: ConnectionDetails): void {
    this.#end.hidden = false
    const isSlow = details.hold === 'unsent'
    this.say(isSlow ? `${details.state}, slow` : details.state, isSlow ? 'warn' : 'good')
    const { roundTripMs, hold } = details
    this.#draw(OPEN_FACTS, [
      details.peer ?? '–',
      details.identity ?? '–',
      this.#listener(details.listener),
      String(details.worker),
      spanText(details.ageMs / MS_PER_S),
      spanText(details.idleMs / MS_PER_S),
      exact(details.bytesIn),
      exact(details.bytesOut),
      details.framesIn.toLocaleString('en'),
      String(details.callsInFlight),
      exact(details.unsentBytes),
      exact(details.heldBytes),
      exact(details.partialBytes),
      roundTripMs === null ? '–' : secondsText(roundTripMs / MS_PER_S),
      String(details.pingsUnanswered),
      details.tlsProtocol ?? 'no',
      hold === null ? '–' : HOLDS[hold],
    ])
    this.#drawFrames(details.lastFrames)
  }

  drawClosed(row: ClosedRow): void {
    this.closed = row
    this.#end.hidden = true
    this.say(`closed: ${row.reason}`, reasonTone(row.reason))
    this.#draw(CLOSED_FACTS, [
      closedTimeText(row.closedAt),
      row.reason,
      reasonClass(row.reason),
      row.detail ?? '–',
      row.peer ?? '–',
      this.#listener(row.listener),
      String(row.worker),
      spanText(row.livedMs / MS_PER_S),
      exact(row.bytesIn),
      exact(row.bytesOut),
      row.framesIn.toLocaleString('en'),
    ])
    this.#drawFrames(row.lastFrames)
  }

  #listener(index: number): string {
    return this.#parts.listeners()[index] ?? String(index)
  }

  #draw(names: readonly string[], values: readonly string[]): void {
    if (this.#facts?.names !== names) {
      const { root, draw } = factsOf(names)
      this.#facts = { names, draw }
      this.#place.replaceChildren(root)
    }
    this.#facts.draw(values)
  }

  #drawFrames(frames: readonly FrameHeader[]): void {
    this.#trail.hidden = false
    this.#frames.update(frames.map((frame, place) => ({ ...frame, place })))
  }
}

function framesTable(routes: () => ReadonlyMap<number, string>): Table<NumberedFrame> {
  return new Table<NumberedFrame>({
    label: 'Last frames',
    columns: [
      { name: 'kind', title: 'Kind', text: kindText, tone: (frame) => ('broken' in frame ? 'bad' : '') },
      { name: 'route', title: 'Route', text: (frame) => routeText(frame, routes()) || '–' },
      { name: 'frame-id', title: 'Id', isNumber: true, text: (frame) => ('broken' in frame ? '–' : String(frame.id)) },
      {
        ...{ name: 'bytes', title: 'Bytes', isNumber: true },
        text: (frame) => ('broken' in frame ? frame.broken : frame.bytes.toLocaleString('en')),
      },
    ],
    keyOf: ({ place }) => String(place),
    empty: 'None came yet.',
  })
}

/** `1.5 MiB (1,572,864)` */
function exact(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${bytesText(bytes)} (${bytes.toLocaleString('en')})`
}
