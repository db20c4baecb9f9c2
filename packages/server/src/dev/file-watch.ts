/**
 * Owns noticing that one of some files has changed.
 * Must not know: what the files are, what is done about it.
 * Invariant: watched are the directories, not the files: editors replace a file by another of its name. One save may
 * be several events, and a file half written: `onChange` comes once, when it has been quiet for a moment.
 */
import { existsSync, type FSWatcher, watch } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import type { CancelTimer, Clock } from '@shardwire/protocol'

const QUIET_MS = 100
/** A new file of these may be what an import did not find. */
const CODE = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs', '.json'])

export interface FileWatchParts {
  readonly clock: Clock
  /** @param files that have changed, at least one */
  readonly onChange: (files: readonly string[]) => void
}

export class FileWatch {
  readonly #parts: FileWatchParts
  readonly #files = new Set<string>()
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #changed = new Set<string>()
  #cancel: CancelTimer | undefined

  constructor(parts: FileWatchParts) {
    this.#parts = parts
  }

  /** From now on this file counts, whether it is there or not. */
  add(file: string): void {
    this.#files.add(file)
    const directory = dirname(file)
    if (this.#watchers.has(directory) || !existsSync(directory)) return
    const watcher = watch(directory, (event, name) => {
      if (name !== null) this.#seen(event, join(directory, basename(name)))
    })
    // A directory that goes is watched no more; what was in it is told of as gone.
    watcher.on('error', () => this.#forget(directory, watcher))
    this.#watchers.set(directory, watcher)
  }

  close(): void {
    this.#cancel?.()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #seen(event: string, file: string): void {
    const isNew = event === 'rename' && CODE.has(extname(file)) && existsSync(file)
    if (!this.#files.has(file) && !isNew) return
    this.#changed.add(file)
    this.#cancel?.()
    this.#cancel = this.#parts.clock.after(QUIET_MS, () => this.#tell())
  }

  #tell(): void {
    const files = [...this.#changed]
    this.#changed.clear()
    this.#parts.onChange(files)
  }

  #forget(directory: string, watcher: FSWatcher): void {
    watcher.close()
    this.#watchers.delete(directory)
  }
}
