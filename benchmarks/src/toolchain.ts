/**
 * Owns the programs that are compiled for a run: the load generators and the peers in C and Go, in a directory that
 * goes with the run; and which cores they are pinned to.
 * Must not know: what is measured.
 * Invariant: a compiler that is missing is an Unavailable with the command that brings it, never a crash; each program
 * is compiled once.
 */
import { execFileSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import process from 'node:process'
import type { Children } from './children.ts'

const HOME = join(import.meta.dirname, '..')

/** Why a contestant cannot take part; the others go on without it. */
export class Unavailable extends Error {}

/** The path of a program on the PATH. */
function findProgram(name: string): string | undefined {
  const paths = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, name))
  return paths.find((path) => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Cores that this process may run on, lowest first; empty where the system does not say. */
function allowedCores(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
    return list.split(',').flatMap((range) => {
      const [first = 0, last = first] = range.split('-').map(Number)
      return Array.from({ length: last - first + 1 }, (_, n) => first + n)
    })
  } catch {
    return []
  }
}

export class Toolchain {
  readonly #children: Children
  /** Made for the first program. */
  #directory: string | undefined
  readonly #compiled = new Map<string, Promise<string>>()
  readonly #cc = ['cc', 'gcc', 'clang'].map(findProgram).find((path) => path !== undefined)
  readonly #go = findProgram('go')
  readonly #taskset = findProgram('taskset')
  readonly #cores = allowedCores()

  constructor(children: Children) {
    this.#children = children
  }

  /** Deletes what was compiled. */
  remove(): void {
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true })
    this.#directory = undefined
    this.#compiled.clear()
  }

  /** One of load/*.c. Throws Unavailable without a C compiler. */
  async load(name: 'echo' | 'pace' | 'churn' | 'hold'): Promise<string> {
    return await this.#compileC(name, `load/${name}.c`)
  }

  async cEcho(): Promise<string> {
    return await this.#compileC('c-echo', 'peers/c-echo/main.c')
  }

  /** Throws Unavailable without Go. */
  async goNet(): Promise<string> {
    const go = this.#go
    if (go === undefined) throw new Unavailable('no Go on the PATH; on Debian: apt-get install golang-go')
    return await this.#once('go-net', async (output) => {
      // No C compiler, no other version of Go than the one here, no network.
      const environment = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GO111MODULE: 'off' }
      await this.#children.run('go build', [go, 'build', '-o', output, join(HOME, 'peers/go-net/main.go')], environment)
    })
  }

  /** The command, bound to the first core that we may use (for servers) or the second (for load). */
  pinned(to: 'server' | 'load', command: readonly string[]): readonly string[] {
    const core = this.#cores[to === 'server' ? 0 : 1]
    if (this.#taskset === undefined || this.#cores.length < 2 || core === undefined) return command
    return [this.#taskset, '-c', String(core), ...command]
  }

  describePinning(): string {
    if (this.#taskset === undefined) return 'none: there is no taskset'
    if (this.#cores.length < 2) return 'none: there is one core for server and load'
    return `server on core ${this.#cores[0]}, load on core ${this.#cores[1]}; accept and memory on all cores`
  }

  ccVersion(): string | null {
    return this.#cc === undefined ? null : firstLine(this.#cc, '--version')
  }

  goVersion(): string | null {
    return this.#go === undefined ? null : firstLine(this.#go, 'version')
  }

  async #compileC(name: string, source: string): Promise<string> {
    const cc = this.#cc
    if (cc === undefined)
      throw new Unavailable('no C compiler (cc) on the PATH; on Debian: apt-get install gcc libc6-dev')
    return await this.#once(name, async (output) => {
      await this.#children.run('cc', [cc, '-std=gnu11', '-O2', '-o', output, join(HOME, source)])
    })
  }

  async #once(name: string, compile: (output: string) => Promise<void>): Promise<string> {
    const before = this.#compiled.get(name)
    if (before !== undefined) return await before
    this.#directory ??= mkdtempSync(join(tmpdir(), 'shardwire-benchmarks-'))
    const output = join(this.#directory, name)
    const compiled = compile(output).then(() => output)
    this.#compiled.set(name, compiled)
    return await compiled
  }
}

function firstLine(program: string, argument: string): string | null {
  try {
    return execFileSync(program, [argument], { encoding: 'utf8', stdio: 'pipe' }).split('\n')[0] ?? null
  } catch {
    return null
  }
}
