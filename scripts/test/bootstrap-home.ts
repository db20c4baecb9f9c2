/**
 * Owns a small home for the bootstrap in a temporary directory: the real bootstrap, a stamp that says "installed", the
 * running Node as the pinned one, a compiler that does nothing, and the fixture child as the daemon.
 * So its tests see the real chain of processes without a network, a build or a server.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Interface } from 'node:readline'
import type { Readable } from 'node:stream'
import { installStamp } from '../bootstrap/install.mjs'

const SCRIPTS = join(import.meta.dirname, '..')
const FIXTURE_CHILD = join(import.meta.dirname, 'fixtures/child.mjs')

/** An empty workspace: what the install stamp reads, and nothing else. */
export class WorkspaceDirectory implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'shardwire-bootstrap-'))

  constructor() {
    this.write('package.json', '{ "type": "module" }')
    this.write('pnpm-workspace.yaml', 'packages:\n')
    this.write('pnpm-lock.yaml', 'lockfileVersion: 9\n')
    this.write('packages/server/package.json', '{ "type": "module" }')
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.root, path)), { recursive: true })
    writeFileSync(join(this.root, path), text)
  }

  /** What an install leaves behind, as far as the bootstrap looks. */
  writePinnedNode(): void {
    mkdirSync(join(this.root, 'node_modules/node/bin'), { recursive: true })
    symlinkSync(process.execPath, join(this.root, 'node_modules/node/bin/node'))
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true })
  }
}

/** A workspace in which the real bootstrap finds everything installed. */
export class BootstrapHome extends WorkspaceDirectory {
  constructor() {
    super()
    cpSync(join(SCRIPTS, 'bootstrap.mjs'), join(this.root, 'scripts/bootstrap.mjs'))
    cpSync(join(SCRIPTS, 'bootstrap'), join(this.root, 'scripts/bootstrap'), { recursive: true })
    this.writePinnedNode()
    this.writeCompiler('')
    this.write('node_modules/.shardwire-install', installStamp(this.root))
    for (const main of ['packages/server/dist/main.js', 'packages/bench/dist/main.js']) {
      mkdirSync(dirname(join(this.root, main)), { recursive: true })
      cpSync(FIXTURE_CHILD, join(this.root, main))
    }
  }

  /** Replaces tsc by a script. */
  writeCompiler(script: string): void {
    this.write('node_modules/typescript/bin/tsc', script)
  }

  run(...args: string[]): BootstrapRun {
    const bootstrap = join(this.root, 'scripts/bootstrap.mjs')
    return new BootstrapRun(spawn(process.execPath, [bootstrap, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }))
  }

  /** Runs a script of package.json the way npm does: by a shell. */
  runByShell(script: string): BootstrapRun {
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}` }
    return new BootstrapRun(spawn('sh', ['-c', script], { cwd: this.root, env, stdio: ['ignore', 'pipe', 'pipe'] }))
  }
}

/** What the fixture child says of itself in its first line. */
export interface ChildFacts {
  readonly args: readonly string[]
  readonly pid: number
  readonly parentPid: number
}

export class BootstrapRun {
  stderr = ''
  readonly #process: ChildProcessByStdio<null, Readable, Readable>
  readonly lines: Interface
  readonly #closed: Promise<unknown>

  constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#process = child
    this.lines = createInterface(child.stdout)
    this.#closed = once(child, 'close')
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.stderr += chunk))
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  async nextLine(): Promise<string> {
    const [line] = (await once(this.lines, 'line')) as [string]
    return line
  }

  /** Waits until the fixture child runs and listens for signals. */
  async childStarted(): Promise<ChildFacts> {
    return JSON.parse(await this.nextLine()) as ChildFacts
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** The bootstrap's exit code, after all its output has been read; null when a signal ended it. */
  async exitCode(): Promise<number | null> {
    await this.#closed
    return this.#process.exitCode
  }
}
