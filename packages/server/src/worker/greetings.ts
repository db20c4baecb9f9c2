/**
 * Owns the way of a connection into the service: HELLO's token, `authenticate`, `onConnect`; where there is any of it.
 * Must not know: frames, how hooks of the worker itself are run.
 * Invariant: a greeting ends once: by its connection being let in, or by its end. Until then nothing of the connection
 * is served. Each has until its deadline, waiting included; at most `max` are in the service's hands at once, the
 * others wait in the order in which they came. No hook is run from within the end of another connection.
 */
import { HANDLER_FAILED, type Hello, ShardwireError, TIMEOUT, UNAUTHENTICATED } from '@shardwire/protocol'
import { CloseReason } from '../close-reason.ts'
import type { Caller, HookName, ServiceHooks } from '../service/hooks.ts'
import { isPromise } from '../service/promise.ts'
import { clientOf, NAMELESS } from './client-of.ts'
import type { Closing } from './closing.ts'
import { type Connection, type Greeting, HOLD_GREETING, type Served, STATE_ENDING } from './connection.ts'
import { Deadline, type DeadlineWheel } from './deadline.ts'
import type { Outbound } from './outbound.ts'
import type { ReportHook } from './worker-hooks.ts'

export interface GreetingsParts {
  readonly hooks: ServiceHooks
  readonly connectionOf: (connection: Connection) => Served
  readonly closing: Closing
  readonly outbound: Outbound
  readonly wheel: DeadlineWheel
  readonly nowMs: () => number
  readonly timeoutMs: number
  readonly max: number
  readonly report: ReportHook
  /** A fault of this server. */
  readonly onFault: (error: unknown) => void
}

class Guest extends Deadline implements Greeting {
  readonly connection: Connection
  readonly #greetings: Greetings
  /** What it is given once it is let in. */
  welcome: Uint8Array | undefined = undefined
  said: Hello | undefined = undefined

  constructor(greetings: Greetings, connection: Connection) {
    super()
    this.#greetings = greetings
    this.connection = connection
  }

  hello(hello: Hello, welcome: Uint8Array): void {
    this.said = hello
    this.welcome = welcome
    this.#greetings.begin(this)
  }

  ended(): void {
    this.#greetings.leave(this)
  }

  override expired(): void {
    this.#greetings.expire(this)
  }
}

export class Greetings {
  readonly #parts: GreetingsParts
  /** Lets a connection be read on. */
  readonly #release: (connection: Connection) => void
  readonly #running = new Set<Guest>()
  readonly #waiting = new Set<Guest>()

  /** @param release takes HOLD_GREETING from a connection */
  constructor(parts: GreetingsParts, release: (connection: Connection) => void) {
    this.#parts = parts
    this.#release = release
  }

  /** A connection may be read. */
  open(connection: Connection): void {
    const { wheel, nowMs, timeoutMs } = this.#parts
    const guest = new Guest(this, connection)
    connection.greeting = guest
    wheel.schedule(guest, nowMs() + timeoutMs)
    if (!this.#awaitsHello(connection)) this.begin(guest)
  }

  /** For guests only: all is there that its hooks are given. */
  begin(guest: Guest): void {
    if (this.#running.size < this.#parts.max) return this.#begin(guest)
    hold(guest.connection)
    this.#waiting.add(guest)
  }

  /** For guests only: its connection can be served no more. */
  leave(guest: Guest): void {
    guest.connection.greeting = null
    this.#parts.wheel.cancel(guest)
    this.#waiting.delete(guest)
    if (this.#running.delete(guest) && this.#waiting.size > 0) queueMicrotask(() => this.#next())
  }

  /** For guests only: the time is over. */
  expire(guest: Guest): void {
    const { closing, timeoutMs } = this.#parts
    const isSilent = guest.said === undefined && this.#awaitsHello(guest.connection)
    const text = isSilent ? `no HELLO came within ${timeoutMs} ms` : `it was not let in within ${timeoutMs} ms`
    closing.failWith(guest.connection, CloseReason.HANDSHAKE_TIMEOUT, new ShardwireError(TIMEOUT, text))
  }

  #awaitsHello({ listener }: Connection): boolean {
    return this.#parts.hooks.authenticate !== undefined && listener.greets
  }

  #next(): void {
    for (const guest of this.#waiting) {
      if (this.#running.size >= this.#parts.max) return
      this.#waiting.delete(guest)
      this.#guarded(guest, () => this.#begin(guest))
    }
  }

  #begin(guest: Guest): void {
    const { authenticate } = this.#parts.hooks
    this.#running.add(guest)
    if (authenticate === undefined) return this.#connect(guest)
    const { said, connection } = guest
    const caller: Caller = {
      token: said?.token,
      client: said === undefined ? NAMELESS : clientOf(said),
      connection: this.#parts.connectionOf(connection),
    }
    this.#run(
      guest,
      'authenticate',
      () => authenticate(caller),
      (given) => this.#judge(guest, given),
    )
  }

  #judge(guest: Guest, given: unknown): void {
    const { closing, connectionOf, outbound } = this.#parts
    const { connection, welcome, said } = guest
    if (typeof given === 'object' && given !== null) Object.assign(connectionOf(connection).attributes, given)
    else if (given !== true) {
      const refusal = new ShardwireError(UNAUTHENTICATED, 'the service does not let this client in')
      return closing.failWith(connection, CloseReason.UNAUTHENTICATED, refusal)
    }
    if (welcome !== undefined && said !== undefined) {
      connection.said = clientOf(said)
      outbound.sendEncoded(connection, welcome)
      guest.welcome = undefined
    }
    this.#connect(guest)
  }

  #connect(guest: Guest): void {
    const { hooks, connectionOf } = this.#parts
    const { onConnect } = hooks
    if (onConnect === undefined) return this.#admit(guest)
    const connection = connectionOf(guest.connection)
    this.#run(
      guest,
      'onConnect',
      () => onConnect(connection),
      () => this.#admit(guest),
    )
  }

  #admit(guest: Guest): void {
    const { connection } = guest
    this.leave(guest)
    this.#connected(connection)
    this.#release(connection)
  }

  /** Runs a hook: what it returns is handed on at once, or when it is there. */
  #run(guest: Guest, hook: HookName, call: () => unknown, then: (result: unknown) => void): void {
    let result: unknown
    try {
      result = call()
    } catch (error) {
      return this.#failed(guest, hook, error)
    }
    if (!isPromise(result)) return this.#went(guest, hook, result, then)
    hold(guest.connection)
    Promise.resolve(result).then(
      (later) => this.#guarded(guest, () => this.#went(guest, hook, later, then)),
      (error: unknown) => this.#guarded(guest, () => this.#failed(guest, hook, error)),
    )
  }

  #went(guest: Guest, hook: HookName, result: unknown, then: (result: unknown) => void): void {
    const { connection } = guest
    if (connection.greeting === guest) return then(result)
    // It ended meanwhile; whoever has taken it in has to hear of that.
    if (hook === 'onConnect') this.#connected(connection)
  }

  #connected(connection: Connection): void {
    const { hooks, connectionOf } = this.#parts
    if (hooks.onDisconnect !== undefined) connectionOf(connection).connected()
  }

  #failed(guest: Guest, hook: HookName, error: unknown): void {
    const { closing, report } = this.#parts
    const { connection } = guest
    if (!(error instanceof ShardwireError)) {
      report(hook, connection.id, error)
      const told = new ShardwireError(HANDLER_FAILED, `${hook} of the service failed`)
      closing.failWith(connection, CloseReason.SERVICE_FAILED, told)
    } else {
      const reason = hook === 'authenticate' ? CloseReason.UNAUTHENTICATED : CloseReason.SERVICE_REFUSED
      closing.failWith(connection, reason, error)
    }
  }

  /** What is done outside of a read: its answers leave at once, and a fault costs the connection. */
  #guarded(guest: Guest, task: () => void): void {
    const { outbound, onFault, closing } = this.#parts
    try {
      task()
      outbound.flush()
    } catch (error) {
      onFault(error)
      closing.reset(guest.connection, CloseReason.INTERNAL)
    }
  }
}

/** Nothing more is read from it for now. */
function hold(connection: Connection): void {
  if (connection.state > STATE_ENDING || (connection.hold & HOLD_GREETING) !== 0) return
  connection.hold |= HOLD_GREETING
  connection.transport.pause()
}
