/**
 * Owns noticing that one of some files has changed, or has come.
 * Must not know: what the files are, what is done about it.
 * Invariant: watched are the directories, not the files: editors replace a file by another of its name. Where there is
 * no directory yet, the closest one above is watched until there is. One save may be several events, and a file half
 * written: `onChange` comes once, when it has been quiet for a moment.
 */
import { existsSync, type FSWatcher, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { CancelTimer, Clock } from '@shardwire/protocol'

const QUIET_MS = 100

export interface FileWatchParts {
  readonly clock: Clock
  /** @param files that have changed, at least one */
  readonly onChange: (files: readonly string[]) => void
}

export class FileWatch {
  readonly #parts: FileWatchParts
  readonly #files = new Set<string>()
  /** Directories that are not there yet: their files are looked for when they come. */
  readonly #awaited = new Set<string>()
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #changed = new Set<string>()
  #cancel: CancelTimer | undefined

  constructor(parts: FileWatchParts) {
    this.#parts = parts
  }

  /** From now on this file counts, whether it is there or not. No other does. @param file absolute */
  add(file: string): void {
    this.#files.add(file)
    this.#watch(dirname(file))
  }

  close(): void {
    this.#cancel?.()
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #watch(directory: string): void {
    if (this.#watchers.has(directory)) return
    if (existsSync(directory)) return this.#open(directory)
    this.#awaited.add(directory)
    // The root is always there.
    if (dirname(directory) !== directory) this.#watch(dirname(directory))
  }

  #open(directory: string): void {
    const watcher = watch(directory, (_event, name) => {
      if (name !== null) this.#seen(join(directory, basename(name)))
    })
    // A directory that goes is watched no more; what was in it is told of as gone.
    watcher.on('error', () => this.#forget(directory, watcher))
    this.#watchers.set(directory, watcher)
  }

  #seen(path: string): void {
    if (this.#awaited.has(path) && existsSync(path)) this.#arrived(path)
    if (this.#files.has(path)) this.#change(path)
  }

  /** What was made in it before it was watched is told of by nobody. */
  #arrived(directory: string): void {
    this.#awaited.delete(directory)
    this.#watch(directory)
    for (const below of [...this.#awaited]) if (dirname(below) === directory) this.#seen(below)
    for (const file of this.#files) if (dirname(file) === directory && existsSync(file)) this.#change(file)
  }

  #change(file: string): void {
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
