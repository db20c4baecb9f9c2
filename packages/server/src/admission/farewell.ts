/**
 * Owns the end of a socket that is refused: an ERROR, in the form of its listener, and FIN, or nothing, and then its
 * close.
 * Must not know: why it is refused.
 * Invariant: no byte is read. At most LINGERING_MAX sockets are kept for a moment after their FIN, each at most
 * LINGER_MS; past that number a socket is closed without a word, so that a flood of refusals holds no descriptors.
 */
import type { Clock } from '@shardwire/protocol'
import type { Socket } from 'node:net'
import { type NoticeForm, noticesOf, REFUSAL_ROWS, REFUSALS, type RefusalRow } from '../refusal.ts'
import { type RawBinding, type RawHandle, RawHandles } from '../transport/raw-handle.ts'

/** Closing what has unread bytes is a reset, which would overtake our ERROR: a client gets this long to read it. */
export const LINGER_MS = 100
export const LINGERING_MAX = 256

export interface FarewellParts {
  readonly clock: Clock
  /** [0, 1) */
  readonly random: () => number
  /** Undefined where sockets come as documented ones. */
  readonly rawBinding: RawBinding | undefined
}

interface Lingering {
  readonly socket: RawHandle | Socket
  readonly dueMs: number
}

export class Farewell {
  readonly #parts: FarewellParts
  readonly #raw: RawHandles | undefined
  readonly #rows: readonly RefusalRow[] = REFUSALS.map((name) => REFUSAL_ROWS[name])
  readonly #notices: Readonly<Record<NoticeForm, readonly (readonly Uint8Array[])[]>> = {
    frame: this.#rows.map((row) => noticesOf(row, 'frame')),
    json: this.#rows.map((row) => noticesOf(row, 'json')),
    none: [],
  }
  /** In the order of their moments. */
  #lingering: Lingering[] = []
  #isWaiting = false

  constructor(parts: FarewellParts) {
    this.#parts = parts
    this.#raw = parts.rawBinding === undefined ? undefined : new RawHandles(parts.rawBinding)
  }

  /** Sockets that are refused, and still open. */
  get lingering(): number {
    return this.#lingering.length
  }

  /** @param form the one that its client understands */
  say(socket: RawHandle | Socket, reason: number, form: NoticeForm): void {
    const notices = this.#notices[form][reason] ?? []
    const notice = notices[Math.floor(this.#parts.random() * notices.length)]
    const hasPlace = this.#lingering.length < LINGERING_MAX
    const lingers = this.#rows[reason]?.notice?.lingers === true
    if (hasPlace && notice !== undefined && this.#send(socket, notice) && lingers) this.#linger(socket)
    else closeSocket(socket)
  }

  /** @returns false when the kernel would not take it at once */
  #send(socket: RawHandle | Socket, notice: Uint8Array): boolean {
    if (!('destroy' in socket)) return this.#raw?.sendLast(socket, notice) === true
    // A peer that resets meanwhile has heard enough.
    socket.on('error', () => undefined)
    socket.write(notice)
    if (socket.writableLength > 0) return false
    socket.end()
    return true
  }

  #linger(socket: RawHandle | Socket): void {
    const { clock } = this.#parts
    this.#lingering.push({ socket, dueMs: clock.nowMs() + LINGER_MS })
    if (this.#isWaiting) return
    this.#isWaiting = true
    clock.after(LINGER_MS, () => this.#closeDue())
  }

  #closeDue(): void {
    const { clock } = this.#parts
    // A timer may come a fraction early.
    const nowMs = clock.nowMs() + 1
    const due = this.#lingering.findIndex(({ dueMs }) => dueMs > nowMs)
    for (const { socket } of this.#lingering.splice(0, due < 0 ? this.#lingering.length : due)) closeSocket(socket)
    const [next] = this.#lingering
    this.#isWaiting = next !== undefined
    if (next !== undefined) clock.after(Math.max(1, next.dueMs - nowMs), () => this.#closeDue())
  }
}

/** Closes this process's copy. */
export function closeSocket(socket: RawHandle | Socket): void {
  if ('destroy' in socket) socket.destroy()
  else socket.close()
}
