/**
 * Owns one process full of clients: it keeps each connected, and remembers when each went and when it was back.
 * Must not know: what is done to the daemon, or why.
 * Invariant: times are of the machine's own clock, so that those of several processes can be held together.
 *
 *     main.ts PORT CLIENTS     says {"ready": true}; once it reads a line and all have left and are back, one of times
 */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { createClient } from '@shardwire/client'
import type { Client, StatusEvent } from '@shardwire/client'

/** What became of one client since the last report. */
class Journey {
  client: Client | undefined
  isConnected = false
  /** GOAWAY, or the loss where none came. */
  leftAtMs = 0
  firstAttemptAtMs = 0
  backAtMs = 0
  attempts = 0
  #connection: string | undefined

  onStatus(event: StatusEvent, nowMs: number): void {
    // The old connection may be gone only after the new one came.
    if (event.type === 'goaway') this.#leave(nowMs)
    if (event.type === 'disconnected' && event.connection === this.#connection) this.#leave(nowMs)
    if (event.type === 'connecting') {
      if (this.attempts++ === 0) this.firstAttemptAtMs = nowMs
    }
    if (event.type === 'connected') {
      this.isConnected = true
      this.#connection = event.connection
      this.backAtMs = nowMs
    }
  }

  #leave(nowMs: number): void {
    if (!this.isConnected) return
    this.isConnected = false
    this.leftAtMs = nowMs
    this.attempts = 0
  }
}

const [port, count] = process.argv.slice(2).map(Number)
const journeys = Array.from({ length: count ?? 0 }, () => new Journey())
let wanted: (() => void) | undefined

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** One that has not left yet will. */
function isBack({ isConnected, leftAtMs }: Journey): boolean {
  return isConnected && leftAtMs > 0
}

/** Settles when all have left and are connected again. */
async function allConnected(): Promise<void> {
  while (!journeys.every(isBack)) {
    const { promise, resolve } = Promise.withResolvers<void>()
    wanted = resolve
    await promise
  }
}

/** A few at a time: what is measured is how they come back, not how they come. */
const OPENING_AT_ONCE = 50

async function openAll(): Promise<void> {
  const waiting = journeys.values()
  const open = async (): Promise<void> => {
    for (const journey of waiting) {
      journey.client = createClient({
        addresses: [`127.0.0.1:${port}`],
        pool: { max: 1 },
        onStatus: (event) => {
          journey.onStatus(event, nowMs())
          if (journey.isConnected) wanted?.()
        },
      })
      await journey.client.connect()
    }
  }
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, open))
}

await openAll()
process.stdout.write('{"ready":true}\n')
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break
  await allConnected()
  const times = journeys.map(({ leftAtMs, firstAttemptAtMs, backAtMs, attempts }) => {
    return [leftAtMs, firstAttemptAtMs, backAtMs, attempts].map((value) => Math.round(value * 10) / 10)
  })
  process.stdout.write(`${JSON.stringify({ times })}\n`)
}
await Promise.all(journeys.map(async ({ client }) => await client?.destroy()))
