/**
 * Owns asking several servers one question: whom, over what, and when the next one.
 * Must not know: caches, other questions.
 * Invariant: a server that fails is followed by the next at once, one that is silent after `tryAfterMs`, and goes on
 * being listened to. First all over UDP, then those that were silent over TCP; a truncated answer is asked for again
 * over TCP at once. When it settles no socket, timer or listener is left.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'
import { briefly } from '../client-error.ts'
import { DnsError, type DnsTry } from './dns-error.ts'
import { askByTcp, askByUdp, type DnsServer } from './dns-server.ts'
import type { DnsReply, DnsType } from './dns-wire.ts'

export interface LookupOptions {
  /** In the order in which they are asked. */
  readonly servers: readonly DnsServer[]
  readonly timeoutMs: number
  /** How long one is asked alone. */
  readonly tryAfterMs: number
  readonly clock: Clock
  readonly secretU16: () => number
}

/** An answer that holds, and those that gave none by then. */
export interface LookupResult {
  readonly reply: Exclude<DnsReply, { readonly kind: 'truncated' | 'failed' }>
  readonly failed: readonly DnsServer[]
}

interface Step {
  readonly server: DnsServer
  readonly transport: 'UDP' | 'TCP'
}

/** Rejects with a DnsError, or with the reason of the signal. */
export async function lookUp(
  name: string,
  type: DnsType,
  options: LookupOptions,
  signal: AbortSignal,
): Promise<LookupResult> {
  return await new Lookup(name, type, options, signal).promise
}

class Lookup {
  readonly promise: Promise<LookupResult>
  readonly #name: string
  readonly #type: DnsType
  readonly #options: LookupOptions
  readonly #signal: AbortSignal
  readonly #resolve: (result: LookupResult) => void
  readonly #reject: (error: unknown) => void
  readonly #abort = new AbortController()
  readonly #steps: Step[]
  readonly #running = new Map<Step, number>()
  readonly #tries: DnsTry[] = []
  /** Gave a code instead of an answer: TCP would give the same. */
  readonly #refusers = new Set<DnsServer>()
  readonly #failed = new Set<DnsServer>()
  readonly #cancelTimeout: CancelTimer
  #cancelNext: CancelTimer | undefined
  #isOver = false

  constructor(name: string, type: DnsType, options: LookupOptions, signal: AbortSignal) {
    this.#name = name
    this.#type = type
    this.#options = options
    this.#signal = signal
    const { promise, resolve, reject } = Promise.withResolvers<LookupResult>()
    this.promise = promise
    this.#resolve = resolve
    this.#reject = reject
    const { servers, clock, timeoutMs } = options
    this.#steps = (['UDP', 'TCP'] as const).flatMap((transport) => servers.map((server) => ({ server, transport })))
    this.#cancelTimeout = clock.after(timeoutMs, () => {
      this.#fail('ETIMEOUT')
    })
    signal.addEventListener('abort', this)
    this.#startNext()
  }

  /** The signal fired. */
  handleEvent(): void {
    this.#end()
    this.#reject(this.#signal.reason)
  }

  #startNext(): void {
    this.#cancelNext?.()
    this.#cancelNext = undefined
    const step = this.#nextStep()
    if (step !== undefined) this.#start(step)
    else if (this.#running.size === 0) this.#fail(this.#codeOfAll())
  }

  #nextStep(): Step | undefined {
    for (let step = this.#steps.shift(); step !== undefined; step = this.#steps.shift()) {
      if (!this.#refusers.has(step.server)) return step
    }
    return undefined
  }

  #start(step: Step): void {
    const { clock, tryAfterMs, secretU16 } = this.#options
    const { server, transport } = step
    this.#running.set(step, clock.nowMs())
    this.#cancelNext = clock.after(tryAfterMs, () => {
      this.#cancelNext = undefined
      // Silent so far. Nobody else is left to ask: then it is the deadline that ends it.
      if (this.#steps.length > 0) this.#startNext()
    })
    const question = { id: secretU16(), name: this.#name, type: this.#type }
    const ask = transport === 'UDP' ? askByUdp : askByTcp
    ask(server, question, this.#abort.signal).then(
      (reply) => {
        this.#onReply(step, reply)
      },
      (error: unknown) => {
        this.#onFailed(step, briefly(error))
      },
    )
  }

  #onReply(step: Step, reply: DnsReply): void {
    if (this.#isOver) return
    if (reply.kind === 'truncated') {
      const { server } = step
      const index = this.#steps.findIndex((one) => one.server === server && one.transport === 'TCP')
      this.#steps.unshift(...this.#steps.splice(index, index < 0 ? 0 : 1))
      // What it says over TCP decides about the server, not this.
      this.#running.delete(step)
      this.#startNext()
    } else if (reply.kind === 'failed') {
      this.#refusers.add(step.server)
      this.#onFailed(step, reply.code)
    } else {
      for (const { server } of this.#running.keys()) if (server !== step.server) this.#failed.add(server)
      this.#end()
      this.#resolve({ reply, failed: [...this.#failed] })
    }
  }

  #onFailed(step: Step, outcome: string): void {
    if (this.#isOver) return
    this.#note(step, outcome)
    this.#running.delete(step)
    this.#failed.add(step.server)
    this.#startNext()
  }

  #note(step: Step, outcome: string): void {
    const tookMs = this.#options.clock.nowMs() - (this.#running.get(step) ?? 0)
    this.#tries.push({ server: step.server.text, transport: step.transport, outcome, tookMs })
  }

  /** What all came to; what a server said says more than what the way to it did. */
  #codeOfAll(): string {
    const said = this.#tries.findLast(({ server }) => [...this.#refusers].some(({ text }) => text === server))
    return (said ?? this.#tries.at(-1))?.outcome ?? 'EBADRESP'
  }

  #fail(code: string): void {
    if (this.#isOver) return
    for (const step of this.#running.keys()) this.#note(step, 'silent')
    this.#end()
    this.#reject(new DnsError(code, this.#name, this.#type, this.#tries))
  }

  #end(): void {
    this.#isOver = true
    this.#cancelTimeout()
    this.#cancelNext?.()
    this.#signal.removeEventListener('abort', this)
    this.#abort.abort()
  }
}
