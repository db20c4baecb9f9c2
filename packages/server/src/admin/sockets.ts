/**
 * Owns who is connected to the admin server: how many, and how much each has asked for that is not answered.
 * Must not know: HTTP beyond that, what is asked.
 * Invariant: so many are connected at most, and each has so many requests under way at most, whatever it sends at once.
 * Of all who are not being answered the one that was so longest gives its place to who comes: connections that are
 * kept, or never ask to the end, keep nobody out, least of all who asks whether we live.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface SocketLimits {
  readonly connections: number
  /** Of one connection: what comes before the answers to so many is none that browsers, scrapers or probes send. */
  readonly requestsUnanswered: number
}

export class Sockets {
  readonly #limits: SocketLimits
  /** How many requests each waits for; of those with none the one that waits longest for its next is first. */
  readonly #unanswered = new Map<Socket, number>()

  constructor(limits: SocketLimits) {
    this.#limits = limits
  }

  /** It is connected; where there is no place it is ended. */
  came(socket: Socket): void {
    if (this.#unanswered.size >= this.#limits.connections && !this.#makeRoom()) return void socket.destroy()
    this.#unanswered.set(socket, 0)
    socket.once('close', () => this.#unanswered.delete(socket))
  }

  /** It asks. @returns whether it is to be answered; else it was ended */
  asked(socket: Socket, response: ServerResponse): boolean {
    const before = this.#unanswered.get(socket)
    if (socket.destroyed || before === undefined) return false
    if (before >= this.#limits.requestsUnanswered) {
      socket.destroy()
      return false
    }
    this.#unanswered.set(socket, before + 1)
    response.once('close', () => this.#answered(socket))
    return true
  }

  #answered(socket: Socket): void {
    const before = this.#unanswered.get(socket)
    if (before === undefined) return
    // Behind those that have waited longer.
    this.#unanswered.delete(socket)
    this.#unanswered.set(socket, before - 1)
  }

  /** @returns whether there is a place now */
  #makeRoom(): boolean {
    for (const [socket, requests] of this.#unanswered) {
      if (requests > 0) continue
      this.#unanswered.delete(socket)
      socket.destroy()
      return true
    }
    return false
  }
}
