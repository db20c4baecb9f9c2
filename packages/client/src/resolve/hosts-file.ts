/**
 * Owns the names that this machine has in its hosts file.
 * Must not know: DNS.
 * Invariant: what it says is what the file said at most LOOK_INTERVAL_MS ago. A file that is not there names nobody.
 */
import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Clock } from '@shardwire/protocol'
import type { AddressFamily } from './resolver.ts'

export const HOSTS_FILE = process.platform === 'win32' ? 'C:\\Windows\\System32\\drivers\\etc\\hosts' : '/etc/hosts'

/** How often the file is looked at. */
const LOOK_INTERVAL_MS = 1000
/** A file larger than this is somebody's block list: it is read all the same, but no further. */
const FILE_BYTES_MAX = 16_777_216

export class HostsFile {
  readonly #path: string
  readonly #clock: Clock
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #stamp = ''
  #addresses: ReadonlyMap<string, readonly string[]> = new Map()

  constructor(path: string, clock: Clock) {
    this.#path = path
    this.#clock = clock
  }

  /** The addresses of one family; undefined for a name that the file does not know at all. */
  lookUp(name: string, family: AddressFamily): readonly string[] | undefined {
    this.#look()
    return this.#addresses.get(name)?.filter((address) => isIP(address) === family)
  }

  #look(): void {
    const nowMs = this.#clock.nowMs()
    if (nowMs - this.#lookedAtMs < LOOK_INTERVAL_MS) return
    this.#lookedAtMs = nowMs
    const stats = statSync(this.#path, { throwIfNoEntry: false })
    const stamp = stats === undefined ? 'none' : [stats.dev, stats.ino, stats.size, stats.mtimeMs].join(' ')
    if (stamp === this.#stamp) return
    this.#stamp = stamp
    this.#addresses = stats?.isFile() === true ? parseHosts(readText(this.#path)) : new Map()
  }
}

/** The names of a hosts file, small, each with its addresses in the order of the lines. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, '')
      const addresses = found.get(key) ?? []
      if (!addresses.includes(address)) addresses.push(address)
      found.set(key, addresses)
    }
  }
  return found
}

function readText(path: string): string {
  try {
    return readFileSync(path).subarray(0, FILE_BYTES_MAX).toString('utf8')
  } catch (error) {
    // Gone between two looks, or not ours to read: it names nobody, and DNS is asked.
    if (error instanceof Error && 'code' in error) return ''
    throw error
  }
}
