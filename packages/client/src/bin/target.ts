/**
 * Owns how a target is written: `host:port`, `tcp://host:port`, `tls://host:port`, `unix:/path`.
 * Must not know: what is done with it.
 */
import type { TcpTarget, UnixTarget } from '../options.ts'

export interface ParsedTarget {
  readonly where: TcpTarget | UnixTarget
  readonly isTls: boolean
}

const DEFAULT_PORT = 7400

/** @returns a sentence for what is no target */
export function parseTarget(text: string): ParsedTarget | string {
  const path = /^unix:(?:\/\/)?(.+)$/.exec(text)?.[1]
  if (path !== undefined) return { where: { path }, isTls: false }
  const { scheme = 'tcp', host = '', port } = PATTERN.exec(text)?.groups ?? {}
  const number = port === undefined ? DEFAULT_PORT : Number(port)
  if (host === '' || number < 1 || number > 65_535) {
    return `expected host:port, tcp://host:port, tls://host:port or unix:/path, got ${JSON.stringify(text)}`
  }
  return { where: { host: host.replace(/^\[|\]$/g, ''), port: number }, isTls: scheme === 'tls' }
}

const PATTERN = /^(?:(?<scheme>tcp|tls):\/\/)?(?<host>\[[^\]]+\]|[^:/[\]]+)(?::(?<port>\d+))?\/?$/
