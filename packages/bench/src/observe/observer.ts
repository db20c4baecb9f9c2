/**
 * Owns what is seen of both sides and the machine while a load runs: one sample each second.
 * Must not know: the load, verdicts.
 * Invariant: at most SAMPLES_MAX samples are kept; when there are more, every second one goes. The server is looked for
 * again until it is found, and its new workers join it.
 */
import type { CancelTimer, Clock } from '@shardwire/protocol'

import { nowUs } from '../clock.ts'
import { commandOf, machineCpu } from './proc-files.ts'
import { serverProcesses, withDescendants } from './server-processes.ts'
import { WatchedGroup } from './watched-group.ts'
import type { GroupUsage } from './watched-group.ts'

const SAMPLE_MS = 1000
const SAMPLES_MAX = 600
/** Every so many samples the server's processes are looked for anew. */
const SEARCH_EVERY = 10
const COMMAND_CHARACTERS_MAX = 200

export interface ObservedSample {
  /** Since the load began. */
  readonly atMs: number
  /** Cores in use, and resident memory; null where the server cannot be seen. */
  readonly serverCores: number | null
  readonly serverBytes: number | null
  readonly generatorCores: number
  readonly generatorBytes: number
  /** Share of the machine's processors that was busy, 0 to 1, whoever with. */
  readonly machineBusy: number | null
}

export interface ObservedServer {
  readonly processes: number
  /** Command line of the first of them. */
  readonly command: string
}

export interface Observed {
  readonly server: ObservedServer | null
  readonly samples: readonly ObservedSample[]
}

export interface ObserverParts {
  readonly clock: Clock
  readonly hosts: readonly string[]
  readonly port: number
  /** Processes of the server, where they are known. */
  readonly serverPids?: readonly number[]
  /** Processes of the generator, as they are now. */
  readonly generatorPids: () => readonly number[]
}

export class Observer {
  readonly #parts: ObserverParts
  readonly #server: WatchedGroup
  readonly #generator: WatchedGroup
  #samples: ObservedSample[] = []
  #every = 1
  #count = 0
  #fromMs = 0
  #machine = machineCpu()
  #found: ObservedServer | null = null
  #cancel: CancelTimer = () => {}

  constructor(parts: ObserverParts) {
    const atUs = nowUs(parts.clock)
    this.#parts = parts
    this.#server = new WatchedGroup([], atUs)
    this.#server.set(this.#search())
    this.#generator = new WatchedGroup([], atUs)
  }

  get serverPids(): readonly number[] {
    return this.#server.pids
  }

  /** The newest sample. */
  get latest(): ObservedSample | undefined {
    return this.#samples.at(-1)
  }

  start(): void {
    const { clock } = this.#parts
    this.#fromMs = clock.nowMs()
    this.#generator.set(this.#parts.generatorPids())
    this.#look()
    this.#samples = []
    this.#cancel = clock.every(SAMPLE_MS, () => this.#take())
  }

  stop(): void {
    this.#cancel()
  }

  observed(): Observed {
    return { server: this.#found, samples: this.#samples }
  }

  #take(): void {
    if (this.#count % SEARCH_EVERY === 0 || this.#server.pids.length === 0) this.#server.set(this.#search())
    if (this.#count++ % this.#every !== 0) return
    this.#samples.push(this.#look())
    if (this.#samples.length <= SAMPLES_MAX) return
    this.#samples = this.#samples.filter((_, index) => index % 2 === 1)
    this.#every *= 2
  }

  #look(): ObservedSample {
    const { clock, generatorPids } = this.#parts
    const atUs = nowUs(clock)
    this.#generator.set(generatorPids())
    const server: GroupUsage = this.#server.look(atUs)
    const generator = this.#generator.look(atUs)
    return {
      atMs: Math.round(clock.nowMs() - this.#fromMs),
      serverCores: server.processes === 0 ? null : rounded(server.cores),
      serverBytes: server.processes === 0 ? null : server.residentBytes,
      generatorCores: rounded(generator.cores),
      generatorBytes: generator.residentBytes,
      machineBusy: this.#machineBusy(),
    }
  }

  #machineBusy(): number | null {
    const before = this.#machine
    const now = machineCpu()
    this.#machine = now
    if (before === null || now === null || now.allUs === before.allUs) return null
    return rounded((now.busyUs - before.busyUs) / (now.allUs - before.allUs))
  }

  /** Looking through the open files of all processes is for once: with a million of them it takes seconds. */
  #search(): number[] {
    const { hosts, port, serverPids } = this.#parts
    const known = this.#found === null ? serverPids : this.#server.pids
    const pids = known === undefined ? serverProcesses(hosts, port) : withDescendants(known)
    const [first] = pids
    if (first !== undefined) {
      const command = commandOf(first) ?? ''
      this.#found = { processes: pids.length, command: command.slice(0, COMMAND_CHARACTERS_MAX) }
    }
    return pids
  }
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}
