/**
 * Owns how the server under load is written.
 * Must not know: names' addresses.
 * Invariant: host and port only; anything more in the URL is refused rather than ignored.
 */

export interface Target {
  readonly host: string
  readonly port: number
}

/** Where the daemon listens unless it is configured. */
export const TARGET_DEFAULT = 'tcp://127.0.0.1:7400'

/** Undefined for text that is no target. */
export function parseTarget(text: string): Target | undefined {
  const url = URL.parse(text)
  const isPlain = url?.protocol === 'tcp:' && `${url.username}${url.pathname}${url.search}${url.hash}` === ''
  const port = Number(url?.port)
  return url !== null && isPlain && url.hostname !== '' && port > 0 ? { host: bare(url.hostname), port } : undefined
}

export function targetUrl({ host, port }: Target): string {
  return `tcp://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** `[::1]` stands in brackets in a URL only. */
function bare(hostname: string): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
}
