/**
 * Owns one attempt to connect: the one deadline and the one signal that end it, and which phase took how long.
 * Must not know: how any phase works.
 * Invariant: it fails at most once, and whichever phase is under way ends then. When disposed it leaves no timer and no
 * listener.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import { briefly, ClientError } from '../client-error.ts'
import type { ClientErrorCode, ConnectPhase, DialTry, PhaseTime } from '../client-error.ts'

export interface AttemptOptions {
  /** `host:port` or a path, for messages. */
  readonly target: string
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

export class ConnectAttempt {
  /** Ends the phase under way; changes hands with the socket. */
  onFailure: ((error: ClientError) => void) | undefined
  /** Set when deadline or signal ended it. */
  failure: ClientError | undefined
  /** The addresses that did not take the connection. */
  readonly tries: DialTry[] = []
  readonly #options: AttemptOptions
  readonly #cancelTimer: CancelTimer
  readonly #past: PhaseTime[] = []
  #phase: ConnectPhase
  #enteredAtMs: number

  /** Throws a ClientError ABORTED when the signal has already fired. */
  constructor(options: AttemptOptions, phase: ConnectPhase) {
    const { clock, signal, timeoutMs } = options
    this.#options = options
    this.#phase = phase
    this.#enteredAtMs = clock.nowMs()
    if (signal?.aborted === true) throw this.#error('ABORTED', 'aborted', signal.reason)
    this.#cancelTimer = clock.after(timeoutMs, () => {
      this.#fail(this.#error('CONNECT_TIMEOUT', `not done within ${timeoutMs} ms`))
    })
    signal?.addEventListener('abort', this)
  }

  get phase(): ConnectPhase {
    return this.#phase
  }

  /** How long each phase took, in order, the present one so far. */
  get phases(): readonly PhaseTime[] {
    return [...this.#past, { phase: this.#phase, tookMs: this.#options.clock.nowMs() - this.#enteredAtMs }]
  }

  /** The next phase begins. */
  enter(phase: ConnectPhase): void {
    if (phase === this.#phase) return
    this.#past.push(...this.phases.slice(-1))
    this.#phase = phase
    this.#enteredAtMs = this.#options.clock.nowMs()
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#fail(this.#error('ABORTED', 'aborted', this.#options.signal?.reason))
  }

  /** What the system said, as an error of this attempt's; one of ours stays itself. */
  failedBy(cause: unknown, code: ClientErrorCode = 'CONNECT_FAILED', what = briefly(cause)): ClientError {
    if (this.failure !== undefined) return this.failure
    return cause instanceof ClientError ? cause : this.#error(code, `failed (${what})`, cause)
  }

  [Symbol.dispose](): void {
    this.onFailure = undefined
    this.#cancelTimer()
    this.#options.signal?.removeEventListener('abort', this)
  }

  #fail(error: ClientError): void {
    if (this.failure !== undefined) return
    this.failure = error
    this.onFailure?.(error)
  }

  #error(code: ClientErrorCode, what: string, cause?: unknown): ClientError {
    const { phase, phases, tries } = this
    const { target } = this.#options
    const times = phases.map((one) => `${one.phase} ${one.tookMs.toFixed(1)} ms`).join(', ')
    const text = `connection to ${target}: ${phase} ${what}; ${times}`
    return new ClientError(code, text, { target, phase, phases, tries: [...tries], cause })
  }
}
