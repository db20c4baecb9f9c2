/**
 * Owns the file in which the daemon's processes write down what they load, and reading it.
 * Must not know: what is done with the list.
 * Invariant: a file is in use as long as a process that loads it lives, and of one that died until the next begin: what
 * could not be loaded is to be followed, what nobody imports any more is not. The list is in a directory of its own,
 * which goes with `close`.
 */
import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync, type FSWatcher } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class ModuleList {
  readonly #directory = mkdtempSync(join(tmpdir(), 'shardwire-dev-'))
  readonly #file = join(this.#directory, 'modules')
  readonly #watcher: FSWatcher
  /** By file, the processes that load it. */
  readonly #users = new Map<string, Set<number>>()
  /** Processes that were heard of since the last begin. */
  readonly #recent = new Set<number>()
  #bytesRead = 0

  /** @param onFile a file that was loaded, or should have been; one may come more than once */
  constructor(onFile: (file: string) => void) {
    writeFileSync(this.#file, '')
    this.#watcher = watch(this.#file, () => this.#read(onFile))
  }

  /** What node is to preload, for the flag `--import`. @param module URL of what writes the list */
  preload(module: string): string {
    const url = new URL(module)
    url.searchParams.set('to', this.#file)
    return url.href
  }

  /** Processes begin anew: what those load that failed so far is looked at no more. */
  begin(): void {
    this.#recent.clear()
  }

  isUsed(file: string): boolean {
    return [...(this.#users.get(file) ?? [])].some((pid) => this.#recent.has(pid) || isAlive(pid))
  }

  close(): void {
    this.#watcher.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #read(onFile: (file: string) => void): void {
    const text = readFileSync(this.#file).subarray(this.#bytesRead).toString()
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    this.#bytesRead += Buffer.byteLength(whole)
    for (const line of whole.split('\n')) if (line !== '') this.#add(line, onFile)
  }

  #add(line: string, onFile: (file: string) => void): void {
    const end = line.indexOf(' ')
    const pid = Number(line.slice(0, end))
    const file = line.slice(end + 1)
    const users = this.#users.get(file) ?? new Set()
    this.#users.set(file, users.add(pid))
    this.#recent.add(pid)
    onFile(file)
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
