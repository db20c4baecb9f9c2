/**
 * Owns standard output as the log is written to it: at once, and without ever waiting for whoever reads it.
 * Must not know: what is logged.
 * Invariant: no write blocks, be it to a pipe that nobody reads or to a disk that is full. What cannot be written
 * waits, within a bound, and goes out in its order as soon as there is room; what is more is lost, and told of then.
 */
import { constants, fstatSync, openSync, type Stats } from 'node:fs'
import { Writable } from 'node:stream'
import type { Clock } from '@shardwire/protocol'
import { type DestinationStream, pino } from 'pino'

const STDOUT = 1
/** Bytes that wait while they cannot be written; more are lost. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024
/**
 * A pipe takes so much wholly or not at all. Several processes write to the same one: what waits goes out in pieces of
 * this size, each of whole lines, so that none is torn by another process.
 */
const WRITE_BYTES_MAX = 4096
/** How often it is tried again. */
const RETRY_INTERVAL_MS = 250
/** How long the end of the process waits for somebody who reads slowly. */
const EXIT_WAIT_MS = 500
const EXIT_PAUSE_MS = 10

/** A stream of Node's, as far as it is asked here for what Node does not document. */
interface SettableHandle {
  setBlocking(blocks: boolean): number
}

type Destination = ReturnType<typeof pino.destination>

export class LogOutput {
  readonly #clock: Clock
  readonly #fd: number
  readonly #destination: Destination
  /** What makes writes wait or not, where that is shared with other processes. */
  readonly #shared: SettableHandle | undefined
  #cancelRetry: (() => void) | undefined
  /** Whether the last write was told to come again later. */
  #isFull = false
  #lost = 0
  #tellLost: ((lines: number) => void) | undefined

  constructor(clock: Clock, fd = STDOUT) {
    this.#clock = clock
    this.#fd = openOutput(fd)
    this.#shared = sharedHandle(this.#fd)
    this.keepFromBlocking()
    this.#destination = pino.destination({
      dest: this.#fd,
      sync: true,
      maxLength: UNWRITTEN_BYTES_MAX,
      maxWrite: WRITE_BYTES_MAX,
      // Else it sleeps, and tries for ever.
      retryEAGAIN: () => false,
    })
    this.#destination.on('error', (error: NodeJS.ErrnoException) => this.#failed(error.code === 'EAGAIN'))
    this.#destination.on('drop', () => this.#lost++)
    process.on('exit', () => this.#flush())
  }

  get destination(): DestinationStream {
    return this.#shared === undefined ? this.#destination : { write: (line) => this.#write(line) }
  }

  /**
   * The same for who pipes into it: a pipe destroys the destination that tells of an error, and would take a disk that
   * is full for the end of the log.
   */
  asStream(): Writable {
    const write = (line: Buffer | string, _encoding: unknown, done: () => void): void => {
      this.#write(String(line))
      done()
    }
    return new Writable({ decodeStrings: false, write })
  }

  /** Tells `tell` from now on how many lines were lost, once they get through again. The first who asks is told. */
  onLost(tell: (lines: number) => void): void {
    this.#tellLost ??= tell
  }

  /**
   * Where standard output could not be opened anew, whether a write to it waits is a matter of all who share it: libuv
   * makes it wait when it starts a process, and Node, at the end of one, makes it what it was at its beginning.
   */
  keepFromBlocking(): void {
    this.#shared?.setBlocking(false)
  }

  #write(line: string): void {
    this.keepFromBlocking()
    this.#destination.write(line)
  }

  #failed(isFull: boolean): void {
    this.#isFull = isFull
    this.#cancelRetry ??= this.#clock.every(RETRY_INTERVAL_MS, () => this.#retry())
  }

  #retry(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    this.#isFull = false
    // With nothing of its own to write it writes what waits; that it cannot shows as an error before this returns.
    this.#write('')
    const lost = this.#lost
    if (this.#cancelRetry !== undefined || lost === 0) return
    this.#lost = 0
    this.#tellLost?.(lost)
  }

  /** The last words of a process are worth a moment, where somebody reads at all. */
  #flush(): void {
    const endByMs = this.#clock.nowMs() + EXIT_WAIT_MS
    while (this.#isFull && this.#clock.nowMs() < endByMs) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, EXIT_PAUSE_MS)
      this.#retry()
    }
  }
}

/** @returns a descriptor of the same output that takes what it can, and never makes anybody wait */
function openOutput(fd: number): number {
  if (statsOf(fd)?.isFIFO() !== true) return fd
  try {
    // Whether a write waits is a matter of each opening, and others may write to the same pipe.
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch {
    // No /proc outside Linux, or the pipe is of another user.
    return fd
  }
}

function sharedHandle(fd: number): SettableHandle | undefined {
  const stats = fd === STDOUT ? statsOf(STDOUT) : undefined
  if (stats?.isFIFO() !== true && stats?.isSocket() !== true) return undefined
  const handle: unknown = Reflect.get(process.stdout, '_handle')
  return isSettable(handle) ? handle : undefined
}

function statsOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd)
  } catch {
    // Closed by whoever started us.
    return undefined
  }
}

function isSettable(handle: unknown): handle is SettableHandle {
  return typeof handle === 'object' && handle !== null && 'setBlocking' in handle
}

let shared: LogOutput | undefined

/** The one of this process. */
export function logOutput(clock: Clock): LogOutput {
  return (shared ??= new LogOutput(clock))
}

/** A process was started that shares standard output: see there. */
export function keepLogFromBlocking(): void {
  shared?.keepFromBlocking()
}
