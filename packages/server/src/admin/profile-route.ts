/**
 * Owns profiles by HTTP: `POST /api/workers/:slot/profile?kind=cpu&seconds=10` answers with the profile itself.
 * Must not know: how profiles are taken.
 * Invariant: the head is sent when the first part is here, so that whatever goes wrong before is told as such; what
 * goes wrong later cuts the answer off, so that nobody takes a part for the whole. Who goes away ends the profile.
 */
import type { ServerResponse } from 'node:http'
import type { Logger } from '../log.ts'
import {
  isProfileKind,
  PROFILE_EXTENSIONS,
  PROFILE_KINDS,
  PROFILE_SECONDS_MAX,
  PROFILE_SECONDS_STANDARD,
} from '../profile/profile-order.ts'
import type { ProfiledWorker, ProfileHandle, Profiles } from '../profile/profiles.ts'
import { streamHead } from './http-server.ts'
import { problem, type Reply, type StreamReply } from './reply.ts'
import type { AdminRequest, AdminRoute } from './router.ts'

export interface ProfileRouteParts {
  readonly profiles: Profiles
  /** Those that serve. */
  readonly workers: () => readonly ProfiledWorker[]
  readonly log: Logger
}

export function profileRoute(parts: ProfileRouteParts): AdminRoute {
  return {
    method: 'POST',
    path: '/api/workers/:slot/profile',
    need: 'act',
    handle: (request) => profile(parts, request),
  }
}

function profile(parts: ProfileRouteParts, request: AdminRequest): Promise<Reply | StreamReply> | Reply {
  const { parameters, query, peer } = request
  const worker = parts.workers().find(({ slot }) => String(slot) === parameters['slot'])
  if (worker === undefined) return problem(404, `there is no worker ${parameters['slot']} that serves`)
  const kind = query.get('kind') ?? 'cpu'
  if (!isProfileKind(kind))
    return problem(400, `kind is ${JSON.stringify(kind)}: expected ${PROFILE_KINDS.join(' or ')}`)
  const text = query.get('seconds') ?? String(PROFILE_SECONDS_STANDARD)
  const seconds = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (seconds < 1 || seconds > PROFILE_SECONDS_MAX) {
    const expected = `expected a whole number from 1 to ${PROFILE_SECONDS_MAX}`
    return problem(400, `seconds is ${JSON.stringify(text)}: ${expected}`)
  }
  const fields = { event: 'admin-action', action: 'profile', kind, seconds, slot: worker.slot, by: peer }
  parts.log.info(fields, `the operator takes a ${kind} profile of worker ${worker.slot}`)
  return new Promise((resolve) => {
    const transfer = new Transfer(resolve, `shardwire-worker-${worker.slot}.${PROFILE_EXTENSIONS[kind]}`)
    transfer.follow(parts.profiles.order(worker, kind, seconds, transfer), request)
  })
}

/** The way of one profile into its answer. */
class Transfer {
  readonly #resolve: (reply: Reply | StreamReply) => void
  readonly #name: string
  #handle: ProfileHandle | undefined
  #response: ServerResponse | undefined

  constructor(resolve: (reply: Reply | StreamReply) => void, name: string) {
    this.#resolve = resolve
    this.#name = name
  }

  follow(handle: ProfileHandle, { onGone }: AdminRequest): void {
    this.#handle = handle
    onGone(() => handle.cancel())
  }

  part(text: string, isLast: boolean): void {
    const response = this.#response
    if (response !== undefined) return this.#write(response, text, isLast)
    const stream = (began: ServerResponse): void => {
      this.#response = began
      began.setHeader('content-disposition', `attachment; filename="${this.#name}"`)
      streamHead(began, 'application/json; charset=utf-8')
      this.#write(began, text, isLast)
    }
    this.#resolve({ stream })
  }

  failed(why: string, isBusy: boolean): void {
    if (this.#response === undefined) this.#resolve(problem(isBusy ? 409 : 503, why))
    else this.#response.destroy()
  }

  #write(response: ServerResponse, text: string, isLast: boolean): void {
    if (isLast) return void response.end(text)
    if (response.write(text)) this.#handle?.more()
    else response.once('drain', () => this.#handle?.more())
  }
}
