/**
 * Owns how each contestant is started, and when it is ready: the daemon as it is built, and its peers.
 * Must not know: load, results.
 * Invariant: each start is a new process on a free port of 127.0.0.1, with no SHARDWIRE_ variable of the caller's own.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { z } from 'zod'
import { ProgramFailed } from './children.ts'
import type { Child, Children } from './children.ts'
import { Unavailable } from './toolchain.ts'
import type { Toolchain } from './toolchain.ts'

const HOME = join(import.meta.dirname, '..')
/** As /proc/net/tcp has it. */
const STATE_LISTEN = '0A'
const DAEMON = join(HOME, '../packages/server/dist/main.js')

export interface Running {
  readonly port: number
  /** The process that was started; it leads its group. */
  readonly pid: number
  /** The processes that serve connections. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

export interface Contestant {
  readonly name: string
  /** Throws Unavailable when this machine, or this build, has not what it takes. */
  start(): Promise<Running>
}

export interface StartOptions {
  /** Whether it shares one core of its own; else it runs on all. */
  readonly isPinned: boolean
}

export class Servers {
  readonly #children: Children
  readonly #toolchain: Toolchain
  readonly #isPinned: boolean

  constructor(children: Children, toolchain: Toolchain, { isPinned }: StartOptions) {
    this.#children = children
    this.#toolchain = toolchain
    this.#isPinned = isPinned
  }

  /** @param settings SHARDWIRE_ variables, without that prefix */
  daemon(name: string, workers: number, settings: Readonly<Record<string, string>> = {}): Contestant {
    const variables = {
      LISTEN: 'tcp://127.0.0.1:0',
      ADMIN: 'off',
      LOG_FORMAT: 'json',
      WORKERS: `${workers}`,
      ...settings,
    }
    const environment = plainEnvironment()
    for (const [key, value] of Object.entries(variables)) environment[`SHARDWIRE_${key}`] = value
    return {
      name,
      start: async () => {
        const child = this.#spawn(name, [process.execPath, DAEMON, 'serve'], environment)
        return runningFrom(child, await daemonStarted(child))
      },
    }
  }

  /**
   * The daemon with a listening socket in each worker. A build that takes the option without doing so is Unavailable:
   * what would be measured is something else.
   */
  daemonByReuseport(name: string, workers: number): Contestant {
    const daemon = this.daemon(name, workers, { ACCEPT: 'reuseport' })
    return {
      name,
      start: async () => {
        const running = await daemon.start()
        const sockets = listeningSockets(running.port)
        if (sockets >= workers) return running
        await running.stop()
        const found = `${sockets} socket listens, one for each of ${workers} workers was expected`
        throw new Unavailable(`not in this build: it takes SHARDWIRE_ACCEPT=reuseport, but ${found}`)
      },
    }
  }

  plainNode(): Contestant {
    return this.#peer('plain-node', () => [process.execPath, join(HOME, 'peers/plain-node/main.mjs')])
  }

  nodeCluster(workers: number): Contestant {
    const main = join(HOME, 'peers/node-cluster/main.mjs')
    return this.#peer('node-cluster', () => [process.execPath, main, `${workers}`])
  }

  /** @param cores how many threads may run Go code at once */
  goNet(cores: number): Contestant {
    return this.#peer('go-net', async () => [await this.#toolchain.goNet()], { GOMAXPROCS: `${cores}` })
  }

  cEcho(): Contestant {
    return this.#peer('c-echo', async () => [await this.#toolchain.cEcho()])
  }

  #peer(
    name: string,
    command: () => readonly string[] | Promise<readonly string[]>,
    variables: Readonly<Record<string, string>> = {},
  ): Contestant {
    return {
      name,
      start: async () => {
        const child = this.#spawn(name, await command(), { ...plainEnvironment(), ...variables })
        const line = await child.nextLine()
        const port = Number(/^listening (\d+)$/.exec(line)?.[1])
        if (!(port > 0)) throw new ProgramFailed(name, null, `said ${JSON.stringify(line)} instead of where it listens`)
        return runningFrom(child, { port, pids: [child.pid] })
      },
    }
  }

  #spawn(name: string, command: readonly string[], environment: NodeJS.ProcessEnv): Child {
    const pinned = this.#isPinned ? this.#toolchain.pinned('server', command) : command
    return this.#children.start(name, pinned, environment)
  }
}

/** How many sockets listen on a port, over IPv4; those of SO_REUSEPORT each count. */
function listeningSockets(port: number): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  const rows = readFileSync('/proc/net/tcp', 'utf8').split('\n')
  return rows.filter((row) => {
    const [, local = '', , state] = row.trim().split(/\s+/)
    return local.endsWith(suffix) && state === STATE_LISTEN
  }).length
}

function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([key]) => !key.startsWith('SHARDWIRE_'))
  return Object.fromEntries(kept)
}

interface Where {
  readonly port: number
  readonly pids: readonly number[]
}

function runningFrom(child: Child, where: Where): Running {
  // What a server logs is of no interest, but must not fill the pipe.
  void child.drain()
  return { ...where, pid: child.pid, stop: () => child.stop() }
}

const listeningRecord = z.object({
  event: z.literal('listening'),
  addresses: z.array(z.object({ port: z.int() })).min(1),
  workers: z.array(z.object({ pid: z.int() })).min(1),
})

const EXIT_CONFIGURATION = 2

/** Reads the daemon's log until it says where it listens. */
async function daemonStarted(child: Child): Promise<Where> {
  for (;;) {
    const line = await child.nextLine().catch((error: unknown) => {
      const refused = error instanceof ProgramFailed && error.ended?.code === EXIT_CONFIGURATION
      throw refused ? new Unavailable(`not in this build (${firstProblem(error)})`, { cause: error }) : error
    })
    const record = line.startsWith('{') ? listeningRecord.safeParse(JSON.parse(line)) : undefined
    if (record?.success === true) {
      const { addresses, workers } = record.data
      return { port: addresses[0]?.port ?? 0, pids: workers.map(({ pid }) => pid) }
    }
  }
}

/** The daemon lists its problems below a heading. */
function firstProblem(error: ProgramFailed): string {
  const lines = error.ended?.stderr.split('\n').filter((line) => line.trim() !== '') ?? []
  return lines[1]?.trim() ?? 'it refused its configuration'
}
