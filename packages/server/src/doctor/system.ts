/**
 * Owns what the doctor may ask of the machine: files of /proc and /sys, and whether an address is free.
 * Must not know: checks.
 * Invariant: nothing is written, and nothing is asked that harms who is running; what cannot be read is undefined.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { findPortHolders } from '../primary/port-holder.ts'

export interface System {
  /** The text of a file. */
  read(path: string): string | undefined
  /** Names in a directory; none where it cannot be read. */
  list(path: string): readonly string[]
  /** Permission bits of a file. */
  mode(path: string): number | undefined
  /** Whether a service could listen there: undefined, or the system's error code. */
  canListen(host: string, port: number): Promise<string | undefined>
  /** Who listens on a port, in words. */
  holdersOf(port: number): string
  readonly uid: number
  readonly pid: number
}

export const thisSystem: System = {
  read: (path) => attempt(() => readFileSync(path, 'latin1')),
  list: (path) => attempt(() => readdirSync(path)) ?? [],
  mode: (path) => attempt(() => statSync(path).mode & 0o7777),
  canListen,
  holdersOf: (port) =>
    findPortHolders(port)
      .map(({ pid, command }) => `process ${pid} (${command})`)
      .join(' and '),
  uid: process.getuid?.() ?? -1,
  pid: process.pid,
}

/** A number that stands alone in a file; undefined where there is none. */
export function readNumber(system: Pick<System, 'read'>, path: string): number | undefined {
  const text = system.read(path)?.trim()
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined
}

/** Numbers with blanks between. */
export function readNumbers(system: Pick<System, 'read'>, path: string): readonly number[] {
  const words = (system.read(path) ?? '').trim().split(/\s+/)
  return words.every((word) => /^\d+$/.test(word)) ? words.map(Number) : []
}

/** The path of a kernel setting: `net.core.somaxconn`. */
export function sysctlPath(name: string): string {
  return `/proc/sys/${name.replaceAll('.', '/')}`
}

function attempt<T>(look: () => T): T | undefined {
  try {
    return look()
  } catch {
    // Not there, or not for us: that is what undefined says.
    return undefined
  }
}

async function canListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  try {
    return await new Promise((resolve) => {
      server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message))
      server.listen({ host, port, exclusive: true }, () => resolve(undefined))
    })
  } finally {
    server.close()
  }
}
