/**
 * Owns the file in which the daemon's processes write down what they load, and reading it.
 * Must not know: what is done with the list.
 * Invariant: it is in a directory of its own, which goes with `close`.
 */
import { mkdtempSync, readFileSync, rmSync, watch, writeFileSync, type FSWatcher } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class ModuleList {
  readonly #directory = mkdtempSync(join(tmpdir(), 'shardwire-dev-'))
  readonly #file = join(this.#directory, 'modules')
  readonly #watcher: FSWatcher
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

  close(): void {
    this.#watcher.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #read(onFile: (file: string) => void): void {
    const text = readFileSync(this.#file).subarray(this.#bytesRead).toString()
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    this.#bytesRead += Buffer.byteLength(whole)
    for (const file of whole.split('\n')) if (file !== '') onFile(file)
  }
}
