/**
 * Owns what the daemon speaks TLS with: its files, read at the start and again when they change, and the key of its
 * session tickets.
 * Must not know: workers, connections.
 * Invariant: what it gives out was checked as a whole. A change that cannot serve is told, and what serves stays.
 * Files are looked at by their paths each time, so a change by symbolic link (as Kubernetes makes them) is one like
 * any other; they are read once they have stayed as they are from one look to the next.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { CancelTimer, Clock } from '@shardwire/protocol'
import type { Config } from '../config/load-config.ts'
import { OPTIONS } from '../config/options.ts'
import type { Logger } from '../log.ts'
import {
  checkTlsFiles,
  TICKET_KEY_BYTES,
  TICKET_KEY_LIFE_MS,
  type TlsFault,
  type TlsFiles,
  type TlsMaterial,
} from '../transport/tls-context.ts'
import { StartError } from './entrance.ts'

/** How often files are looked at. */
const LOOK_INTERVAL_MS = 1000

const OPTION_OF = { cert: OPTIONS.tlsCert.name, key: OPTIONS.tlsKey.name, ca: OPTIONS.tlsCa.name } as const

type Paths = { readonly [File in keyof TlsFiles]: TlsFiles[File] }

export interface TlsKeeperOptions {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  /** Handshakes are to be made with this from now on. */
  readonly onChange: (material: TlsMaterial) => void
}

export class TlsKeeper {
  readonly #options: TlsKeeperOptions
  readonly #paths: Paths
  #material: TlsMaterial
  /** What the files looked like when they were last read, and at the last look. */
  #readStamp: string
  #seenStamp: string
  readonly #timers: readonly CancelTimer[]

  /** Reads the files. @returns undefined where no address has TLS @throws StartError */
  static open(options: TlsKeeperOptions): TlsKeeper | undefined {
    const { tlsCert: cert, tlsKey: key, tlsCa: ca, listen } = options.config
    if (cert === null || key === null || !listen.some(({ scheme }) => scheme === 'tls')) return undefined
    return new TlsKeeper(options, { cert, key, ca })
  }

  private constructor(options: TlsKeeperOptions, paths: Paths) {
    this.#options = options
    this.#paths = paths
    this.#readStamp = this.#seenStamp = stampOf(paths)
    const { clock } = options
    const read = this.#read()
    if (Array.isArray(read)) throw new StartError(read.join('; '))
    this.#material = { ...read, ticketKey: newTicketKey() }
    this.#timers = [
      clock.every(LOOK_INTERVAL_MS, () => this.#look()),
      clock.every(TICKET_KEY_LIFE_MS, () => this.#change({ ...this.#material, ticketKey: newTicketKey() })),
    ]
  }

  /** Secret. */
  get material(): TlsMaterial {
    return this.#material
  }

  close(): void {
    for (const cancel of this.#timers) cancel()
  }

  #look(): void {
    const stamp = stampOf(this.#paths)
    const isSteady = stamp === this.#seenStamp
    this.#seenStamp = stamp
    if (!isSteady || stamp === this.#readStamp) return
    this.#readStamp = stamp
    this.#reread()
  }

  #reread(): void {
    const { log } = this.#options
    const read = this.#read()
    if (Array.isArray(read)) {
      const text = `what is in the TLS files now cannot serve, so what was there before does: ${read.join('; ')}`
      log.error({ event: 'tls-not-reread', problems: read }, text)
      return
    }
    const { cert, key, ca, ticketKey } = this.#material
    if (cert === read.cert && key === read.key && ca === read.ca) return
    // Who was let in by authorities that are gone must show a certificate again.
    this.#change({ ...read, ticketKey: ca === read.ca ? ticketKey : newTicketKey() })
    log.info({ event: 'tls-reread' }, 'the TLS files have changed: new connections get what is in them now')
  }

  #change(material: TlsMaterial): void {
    this.#material = material
    this.#options.onChange(material)
  }

  /** @returns what is wrong, one sentence each, where it cannot serve */
  #read(): TlsFiles | string[] {
    const { clock, log } = this.#options
    const problems: string[] = []
    const files = {
      cert: this.#readFile('cert', problems) ?? '',
      key: this.#readFile('key', problems) ?? '',
      ca: this.#readFile('ca', problems),
    }
    if (problems.length > 0) return problems
    const { faults, warnings } = checkTlsFiles(files, clock.wallMs())
    if (faults.length > 0) return faults.map((fault) => this.#sentence(fault))
    for (const warning of warnings) log.warn({ event: 'tls-certificate' }, this.#sentence(warning))
    return files
  }

  #readFile(file: keyof TlsFiles, problems: string[]): string | null {
    const path = this.#paths[file]
    if (path === null) return null
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
      problems.push(this.#sentence({ file, complaint: `cannot be read (${code})` }))
      return null
    }
  }

  #sentence({ file, complaint }: TlsFault): string {
    return `${OPTION_OF[file]} is ${JSON.stringify(this.#paths[file])}, which ${complaint}`
  }
}

/** What tells a changed file: not its contents, which would be read each time. */
function stampOf(paths: Paths): string {
  return JSON.stringify(Object.values(paths).map((path: string | null) => (path === null ? null : fileStamp(path))))
}

function fileStamp(path: string): unknown {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats === undefined ? 'none' : [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs]
}

function newTicketKey(): string {
  return randomBytes(TICKET_KEY_BYTES).toString('base64')
}
