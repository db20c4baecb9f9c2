/**
 * Owns one card for each worker: what it is, how busy, what it holds.
 * Must not know: where figures come from.
 */
import type { WorkerStatus } from '../../admin/status.ts'
import { bytesText, countText, estimateText, percentText, spanText } from '../../admin/units.ts'
import type { WorkerView } from '../../admin/view.ts'
import { Sparkline } from '../charts/sparkline.ts'
import { element, find, setAttribute, setChildren, setText } from '../dom.ts'
import type { Series } from '../series.ts'

/** Parts of the whole from which on it is to be seen, and from which on it is bad. */
const HIGH = 0.7
const FULL = 0.9
const MS_PER_S = 1000
const OVERLOAD = ['', 'sheds connections', 'sheds requests', 'sheds the largest holders']

interface Meter {
  readonly root: HTMLElement
  draw(part: number, text: string): void
}

interface Card {
  readonly root: HTMLElement
  draw(status: WorkerStatus, view: WorkerView | undefined, series: Series, nowMs: number, isMissing: boolean): void
}

export class WorkerCards {
  readonly #place = find('workers', HTMLElement)
  readonly #cards = new Map<number, Card>()

  draw(
    workers: readonly WorkerStatus[],
    views: readonly WorkerView[],
    series: Series,
    nowMs: number,
    missing: readonly number[],
  ): void {
    const roots = workers.map((status, index) => {
      const card = this.#cards.get(status.worker) ?? createCard(status.worker)
      this.#cards.set(status.worker, card)
      card.draw(status, views[index], series, nowMs, missing.includes(status.worker))
      return card.root
    })
    setChildren(this.#place, roots)
  }
}

function createCard(worker: number): Card {
  const state = element('span', { class: 'badge' })
  const process = element('p', { class: 'note' })
  const spark = new Sparkline(1)
  const [loop, heap, buffers, files] = [meter('Loop'), meter('Heap'), meter('Buffers'), meter('Open files')]
  const facts = factsOf(['Connections', 'In', 'Out', 'In flight', 'Loop delay p99', 'CPU', 'GC', 'Resident', 'Threads'])
  const root = element(
    'article',
    { class: 'card worker', 'aria-label': `Worker ${worker}` },
    element('div', { class: 'head' }, element('h3', {}, `Worker ${worker}`), state),
    process,
    spark.root,
    ...[loop, heap, buffers, files].map((one) => one.root),
    facts.root,
  )
  return {
    root,
    draw: (status, view, series, nowMs, isMissing) => {
      const [tone, word] = stateOf(status, isMissing)
      setText(state, word)
      setAttribute(state, 'data-tone', tone)
      setText(process, processText(status, nowMs))
      spark.draw(series.loop(worker))
      loop.draw(view?.loop ?? 0, percentText(view?.loop ?? 0))
      heap.draw(part(status.heapUsedBytes, status.heapLimitBytes), bytesText(status.heapUsedBytes))
      buffers.draw(part(status.bufferBytes, status.bufferBytesMax), bytesText(status.bufferBytes))
      files.draw(part(status.openFiles, status.openFilesMax), countText(status.openFiles))
      facts.draw([
        status.connections.toLocaleString('en'),
        `${countText(view?.framesInPerSecond ?? 0)}/s`,
        `${countText(view?.framesOutPerSecond ?? 0)}/s`,
        countText(status.requestsInFlight),
        estimateText(view?.delayP99, '–'),
        percentText(view?.cpu ?? 0),
        percentText(view?.gc ?? 0),
        bytesText(status.residentBytes),
        status.offloadWaiting > 0
          ? `${status.offloadRunning} busy, ${countText(status.offloadWaiting)} wait`
          : `${status.offloadRunning} busy`,
      ])
    },
  }
}

function stateOf({ processes, overload }: WorkerStatus, isMissing: boolean): [tone: string, word: string] {
  if (isMissing) return ['bad', 'does not answer']
  if (overload > 0) return ['warn', OVERLOAD[overload] ?? 'overloaded']
  const serving = processes.find(({ state }) => state === 'serving')
  if (serving !== undefined && processes.length > 1) return ['info', 'being replaced']
  if (serving !== undefined) return ['good', 'serving']
  const [first] = processes
  return first === undefined ? ['bad', 'none'] : ['warn', first.state]
}

function processText({ processes, exits }: WorkerStatus, nowMs: number): string {
  const told = processes.map(({ pid, startedAt, state }) => {
    const isOnly = processes.length === 1
    return `pid ${pid}, ${isOnly ? '' : `${state}, `}up ${spanText((nowMs - startedAt) / MS_PER_S)}`
  })
  const ended = exits.died + exits.failed
  return [told.join('; ') || 'no process', ...(ended > 0 ? [`${ended} died before`] : [])].join(' · ')
}

function part(used: number, most: number): number {
  return most > 0 ? used / most : 0
}

function meter(name: string): Meter {
  const fill = element('i', {})
  const value = element('span', { class: 'value' })
  const bar = element('div', { class: 'bar', role: 'meter', 'aria-label': name, 'aria-valuemin': '0' }, fill)
  setAttribute(bar, 'aria-valuemax', '100')
  const root = element('div', { class: 'meter' }, element('span', { class: 'name' }, name), bar, value)
  return {
    root,
    draw: (share, text) => {
      const percent = Math.round(Math.min(Math.max(share, 0), 1) * 100)
      fill.style.width = `${percent}%`
      setAttribute(bar, 'data-tone', share >= FULL ? 'bad' : share >= HIGH ? 'warn' : 'good')
      setAttribute(bar, 'aria-valuenow', String(percent))
      setAttribute(bar, 'aria-valuetext', text)
      setText(value, text)
    },
  }
}

/** Names and values, beside each other. */
export function factsOf(names: readonly string[]): { root: HTMLElement; draw: (values: readonly string[]) => void } {
  const values = names.map(() => element('dd', {}))
  const pairs = names.map((name, index) => element('div', {}, element('dt', {}, name), values[index] ?? ''))
  return {
    root: element('dl', { class: 'facts' }, ...pairs),
    draw: (texts) => {
      for (const [index, value] of values.entries()) setText(value, texts[index] ?? '')
    },
  }
}
