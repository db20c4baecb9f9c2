/** Owns many clients at once, for tests of accepting: each sends one frame and learns what becomes of it. */
import { connect, type Socket } from 'node:net'
import { readdirSync, readlinkSync } from 'node:fs'
import { encodeFrame, FRAME_OVERHEAD_BYTES, KIND_CONTROL } from '@shardwire/protocol'
import * as frames from './frames.ts'

/** The header and the length. */
const HEADER_BYTES = 6
const FRAME = encodeFrame(frames.message(frames.ROUTE_ECHO, 'x'))

export interface Outcomes {
  /** Those whose frame was answered, still open unless the server ended them. */
  readonly served: readonly Socket[]
  /** How many were closed without an answer, and without a word of this. */
  readonly closed: number
  /** How many were told to go (GOAWAY) and closed before they were answered. */
  readonly sentAway: number
  /** How many the kernel would not connect. */
  readonly refusedByKernel: number
}

/** What becomes of `count` clients that all connect at once. @param onServed called with how many are by then */
export async function burst(port: number, count: number, onServed?: (served: number) => void): Promise<Outcomes> {
  const served: Socket[] = []
  const outcomes = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connect({ port, host: '127.0.0.1' })
      const outcome = await outcomeOf(socket)
      if (outcome !== 'served') return outcome
      served.push(socket)
      onServed?.(served.length)
      return outcome
    }),
  )
  const closed = outcomes.filter((outcome) => outcome === 'closed').length
  const sentAway = outcomes.filter((outcome) => outcome === 'sent away').length
  return { served, closed, sentAway, refusedByKernel: count - closed - sentAway - served.length }
}

/** Of the frame that begins here. */
function kindOf(chunk: Buffer): number {
  return ((chunk[0] ?? 0) >> 4) & 7
}

/** Of the frame that begins here; without an end while its length is not there. */
function bytesOf(chunk: Buffer): number {
  return chunk.length < HEADER_BYTES ? Infinity : chunk.readUInt32BE(2) + FRAME_OVERHEAD_BYTES
}

/** One client, what became of it, and its end if it is over. */
function outcomeOf(socket: Socket): Promise<'served' | 'closed' | 'sent away' | 'refused'> {
  return new Promise((resolve) => {
    let outcome: 'closed' | 'sent away' | 'refused' = 'refused'
    socket.on('connect', () => {
      outcome = 'closed'
      socket.write(FRAME)
    })
    let received: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      // Behind the GOAWAY of a drain the answer may come all the same. Else it is the ERROR of a refusal.
      while (kindOf(received) === KIND_CONTROL && received.length >= bytesOf(received)) {
        outcome = 'sent away'
        received = received.subarray(bytesOf(received))
      }
      if (received.length >= FRAME.length && received[0] === FRAME[0]) resolve('served')
    })
    socket.on('end', () => socket.destroy())
    // 'close' follows.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(outcome))
  })
}

/** Sends one more frame on each and waits for its answer or its end. @returns how many answered */
export async function stillServed(sockets: readonly Socket[]): Promise<number> {
  const answers = await Promise.all(
    sockets.map((socket) => {
      return new Promise<boolean>((resolve) => {
        if (socket.destroyed) resolve(false)
        socket.once('data', () => resolve(true))
        socket.once('close', () => resolve(false))
        socket.write(FRAME)
      })
    }),
  )
  return answers.filter(Boolean).length
}

/** Ends the sockets, and waits until they are gone here. */
export async function endAll(sockets: readonly Socket[]): Promise<void> {
  await Promise.all(
    sockets.map((socket) => {
      return new Promise<void>((resolve) => {
        if (socket.closed) resolve()
        socket.once('close', () => resolve())
        socket.destroy()
      })
    }),
  )
}

/** Sockets that a process has open. */
export function socketsOf(pid: number): number {
  const links = readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`)
    } catch {
      // Closed between the two calls.
      return ''
    }
  })
  return links.filter((link) => link.startsWith('socket:')).length
}
