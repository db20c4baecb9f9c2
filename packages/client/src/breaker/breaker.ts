/**
 * Owns the decision whether an address that fails is still asked: closed, open, half-open.
 * Must not know: what is asked, what counts as a failure, where requests go instead.
 * Invariant: half-open lets one request through at a time. A result counts only in the era in which its request was let
 * through, and every change of state begins a new one: what was asked before an outage says nothing about its end.
 */
import type { Clock } from '@shardwire/protocol'

/** `closed`: all pass. `open`: none passes. `half-open`: one passes, and what becomes of it decides. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/**
 * What became of a request. `silence`: a failure, in that no answer came at all. `refused`: the server is well but has
 * too much to do, which counts for the share of failures but not for those in a row. `void`: it says nothing about the
 * server.
 */
export type Outcome = 'success' | 'failure' | 'silence' | 'refused' | 'void'

export interface BreakerOptions {
  readonly clock: Clock
  /** The clock of late, which costs nothing to read: successes are counted by it. */
  readonly recent: { readonly nowMs: number }
  /** Opens after so many failures in a row; 0 is never. */
  readonly failuresInRow: number
  /** Opens when at least this share of the calls of the window failed, 0 to 1 ... */
  readonly failureShare: number
  /** ... and there were so many calls. */
  readonly callsMin: number
  readonly windowMs: number
  /** How long it stays open before one request may try. */
  readonly openMs: number
  readonly onChange: (change: BreakerChange) => void
}

export interface BreakerChange {
  readonly state: BreakerState
  readonly before: BreakerState
  /** Why it opened, for people; empty where it did not. */
  readonly reason: string
}

export interface BreakerStatus {
  readonly state: BreakerState
  /** Of the window. */
  readonly calls: number
  readonly failures: number
  readonly failuresInRow: number
  /** Until a request may try; 0 unless it is open. */
  readonly retryAfterMs: number
}

/** No request passes. */
export const NO_PASS = 0
/** The window moves on in so many steps. */
const SLICES = 10

export class Breaker {
  readonly #options: BreakerOptions
  readonly #window: CallWindow
  #state: BreakerState = 'closed'
  /** What a request was let through with; above NO_PASS. */
  #era = 1
  #failuresInRow = 0
  #openUntilMs = 0
  /** The one request of half-open is under way. */
  #isProbing = false

  constructor(options: BreakerOptions) {
    this.#options = options
    this.#window = new CallWindow(options.windowMs)
  }

  get state(): BreakerState {
    return this.#state
  }

  get status(): BreakerStatus {
    const { calls, failures } = this.#sums()
    const [state, failuresInRow, retryAfterMs] = [this.#state, this.#failuresInRow, this.retryAfterMs]
    return { state, calls, failures, failuresInRow, retryAfterMs }
  }

  /** Until a request may try, in milliseconds; 0 unless it is open. */
  get retryAfterMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntilMs - this.#nowMs()) : 0
  }

  /** Whether `pass` would let the request through that finds out how the server is. */
  get isProbeDue(): boolean {
    if (this.#state === 'closed') return false
    return this.#state === 'open' ? this.#nowMs() >= this.#openUntilMs : !this.#isProbing
  }

  /** Lets a request through or not. @returns what `settle` wants to know, or NO_PASS */
  pass(): number {
    if (this.#state === 'closed') return this.#era
    if (!this.isProbeDue) return NO_PASS
    if (this.#state === 'open') this.#change('half-open', '')
    this.#isProbing = true
    return this.#era
  }

  /** Says what became of a request. @param pass what let it through */
  settle(pass: number, outcome: Outcome): void {
    if (pass !== this.#era) return
    if (this.#state === 'half-open') this.#afterProbe(outcome)
    else if (this.#state === 'closed' && outcome !== 'void') this.#count(outcome)
  }

  #count(outcome: Outcome): void {
    if (outcome === 'success') {
      this.#failuresInRow = 0
      this.#window.add(this.#options.recent.nowMs, 1, 0)
      return
    }
    const { failuresInRow, failureShare, callsMin } = this.#options
    this.#window.add(this.#nowMs(), 1, 1)
    if (outcome !== 'refused' && ++this.#failuresInRow === failuresInRow) {
      this.#open(`${failuresInRow} failures in a row`)
      return
    }
    const { calls, failures } = this.#sums()
    if (calls >= callsMin && failures >= calls * failureShare) this.#open(`${failures} of ${calls} calls failed`)
  }

  #sums(): { readonly calls: number; readonly failures: number } {
    return this.#window.sums(this.#nowMs())
  }

  #afterProbe(outcome: Outcome): void {
    this.#isProbing = false
    if (outcome === 'success') this.#change('closed', '')
    // What says nothing leaves it to the next.
    else if (outcome !== 'void') this.#open('the trial failed')
  }

  #open(reason: string): void {
    this.#openUntilMs = this.#nowMs() + this.#options.openMs
    this.#change('open', reason)
  }

  #change(state: BreakerState, reason: string): void {
    const before = this.#state
    this.#state = state
    this.#era++
    this.#failuresInRow = 0
    this.#window.clear()
    this.#options.onChange({ state, before, reason })
  }

  #nowMs(): number {
    return this.#options.clock.nowMs()
  }
}

/** Counts calls of the last while, in slices of time that are used again. What is told late counts for the latest. */
class CallWindow {
  readonly #sliceMs: number
  readonly #calls = new Uint32Array(SLICES)
  readonly #failures = new Uint32Array(SLICES)
  /** Number of the latest slice, counted from the clock's beginning. */
  #latest = 0
  /** When the one behind it begins. */
  #latestEndMs = 0
  #allCalls = 0
  #allFailures = 0

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES
  }

  add(nowMs: number, calls: number, failures: number): void {
    if (nowMs >= this.#latestEndMs) this.#moveOn(nowMs)
    const at = this.#latest % SLICES
    this.#calls[at] = (this.#calls[at] ?? 0) + calls
    this.#allCalls += calls
    this.#failures[at] = (this.#failures[at] ?? 0) + failures
    this.#allFailures += failures
  }

  sums(nowMs: number): { readonly calls: number; readonly failures: number } {
    if (nowMs >= this.#latestEndMs) this.#moveOn(nowMs)
    return { calls: this.#allCalls, failures: this.#allFailures }
  }

  clear(): void {
    this.#calls.fill(0)
    this.#failures.fill(0)
    this.#allCalls = this.#allFailures = 0
  }

  /** Empties the slices that time has come round to. */
  #moveOn(nowMs: number): void {
    const latest = Math.floor(nowMs / this.#sliceMs)
    if (latest - this.#latest >= SLICES) this.clear()
    for (let slice = Math.max(this.#latest + 1, latest - SLICES + 1); slice <= latest; slice++)
      this.#empty(slice % SLICES)
    this.#latest = latest
    this.#latestEndMs = (latest + 1) * this.#sliceMs
  }

  #empty(at: number): void {
    this.#allCalls -= this.#calls[at] ?? 0
    this.#allFailures -= this.#failures[at] ?? 0
    this.#calls[at] = this.#failures[at] = 0
  }
}
