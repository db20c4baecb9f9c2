/**
 * Owns the stream of samples: open for as long as the page is seen, and opened again whenever it ends.
 * Must not know: what is in a sample, what is shown.
 * Invariant: a page that nobody sees holds no stream for long: a browser has six connections to a daemon, for all of
 * its pages together, and a daemon sixteen streams.
 */
import type { Sample } from '../admin/status.ts'
import { type Api, ApiError } from './api.ts'
import { after, pause } from './clock.ts'

/** live; lost: nobody answers; full: too many look already; locked: it takes a token, or another one. */
export type LinkState = 'connecting' | 'live' | 'lost' | 'full' | 'locked'

const AGAIN_MS = 1000
const AGAIN_LATER_MS = 5000
/** Not seen for so long. */
const UNSEEN_MS = 5000

export interface LiveParts {
  readonly api: Api
  readonly onSample: (sample: Sample) => void
  readonly onState: (state: LinkState, message: string) => void
}

export class Live {
  readonly #parts: LiveParts
  #waiting = new AbortController()
  #stream = new AbortController()
  #isSeen = true
  #cancelUnseen: (() => void) | undefined

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  /** Tries again at once: there is a token, or the network is back. */
  wake(): void {
    this.#waiting.abort()
  }

  /** Whether somebody sees the page. */
  see(isSeen: boolean): void {
    this.#cancelUnseen?.()
    if (isSeen) {
      this.#isSeen = true
      this.wake()
    } else {
      this.#cancelUnseen = after(UNSEEN_MS, () => {
        this.#isSeen = false
        this.#stream.abort()
      })
    }
  }

  /** Never ends. */
  async run(): Promise<never> {
    this.#parts.onState('connecting', '')
    for (;;) {
      const state = await this.#watch()
      this.#waiting = new AbortController()
      if (state === 'locked' || !this.#isSeen) await once(this.#waiting.signal)
      else await pause(state === 'lost' ? AGAIN_MS : AGAIN_LATER_MS, this.#waiting.signal)
    }
  }

  async #watch(): Promise<LinkState> {
    const { api, onSample, onState } = this.#parts
    this.#stream = new AbortController()
    let state: LinkState = 'lost'
    let message = 'the daemon has gone'
    try {
      for await (const sample of api.events<Sample>('api/events', this.#stream.signal)) {
        onState('live', '')
        onSample(sample)
      }
    } catch (error) {
      if (error instanceof ApiError) {
        state = error.status === 401 || error.status === 403 ? 'locked' : error.status === 503 ? 'full' : 'lost'
        ;({ message } = error)
      } else {
        // A fault of this page: told where its author looks, and no reason to show nothing more.
        reportError(error)
        message = `a fault of this page (${String(error)})`
      }
    }
    // One that we ended is no news.
    if (!this.#stream.signal.aborted) onState(state, message)
    return state
  }
}

async function once(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
