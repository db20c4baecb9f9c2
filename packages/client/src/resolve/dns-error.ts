/**
 * Owns the error of a name that DNS could not resolve.
 * Must not know: how it was asked.
 * Invariant: `code` is one of node:dns, so that a program needs to know one set of names only.
 */

/** One question to one server that led to no answer. */
export interface DnsTry {
  /** `address:port`. */
  readonly server: string
  readonly transport: 'UDP' | 'TCP'
  /** A code of node:dns or of the system; `silent` where nothing came. */
  readonly outcome: string
  readonly tookMs: number
}

/** ENOTFOUND there is no such name, ETIMEOUT, ESERVFAIL, EREFUSED, EBADRESP, EBADNAME, ECONNREFUSED, and so on. */
export class DnsError extends Error {
  override readonly name = 'DnsError'
  readonly code: string
  readonly hostname: string
  /** What was tried, in the order in which it ended. */
  readonly tries: readonly DnsTry[]

  constructor(code: string, hostname: string, type: string, tries: readonly DnsTry[] = []) {
    const told = tries.map(
      ({ server, transport, outcome, tookMs }) => `${server} by ${transport}: ${outcome} after ${tookMs.toFixed(0)} ms`,
    )
    super([`${type} of ${hostname}: ${code}`, ...told].join('; '))
    this.code = code
    this.hostname = hostname
    this.tries = tries
  }
}
