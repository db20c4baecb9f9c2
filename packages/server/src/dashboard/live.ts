/**
 * Owns the stream of samples: open for as long as the page is, and opened again whenever it ends.
 * Must not know: what is in a sample, what is shown.
 */
import type { Sample } from '../admin/status.ts'
import { type Api, ApiError } from './api.ts'
import { pause } from './clock.ts'

/** live; lost: nobody answers; full: too many look already; locked: it takes a token, or another one. */
export type LinkState = 'connecting' | 'live' | 'lost' | 'full' | 'locked'

const AGAIN_MS = 1000
const AGAIN_WHEN_FULL_MS = 5000

export interface LiveParts {
  readonly api: Api
  readonly onSample: (sample: Sample) => void
  readonly onState: (state: LinkState, message: string) => void
}

export class Live {
  readonly #parts: LiveParts
  #waiting = new AbortController()

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  /** Tries again at once: there is a token, or the network is back. */
  wake(): void {
    this.#waiting.abort()
  }

  /** Never ends. */
  async run(): Promise<never> {
    const { onState } = this.#parts
    const never = new AbortController()
    onState('connecting', '')
    for (;;) {
      const state = await this.#watch(never.signal)
      this.#waiting = new AbortController()
      if (state === 'locked') await once(this.#waiting.signal)
      else await pause(state === 'full' ? AGAIN_WHEN_FULL_MS : AGAIN_MS, this.#waiting.signal)
    }
  }

  async #watch(signal: AbortSignal): Promise<LinkState> {
    const { api, onSample, onState } = this.#parts
    let state: LinkState = 'lost'
    let message = 'the daemon has gone'
    try {
      for await (const sample of api.events<Sample>('api/events', signal)) {
        onState('live', '')
        onSample(sample)
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      state = error.status === 401 || error.status === 403 ? 'locked' : error.status === 503 ? 'full' : 'lost'
      message = error.message
    }
    onState(state, message)
    return state
  }
}

async function once(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
